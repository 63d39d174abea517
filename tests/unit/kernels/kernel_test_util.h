// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_KERNELS_KERNEL_TEST_UTIL_H_
#define LORA_TESTS_UNIT_KERNELS_KERNEL_TEST_UTIL_H_

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "server/kernels/cpu/select.h"
#include "server/kernels/packed_weight.h"

namespace lora {

// Normally distributed numbers, the same for the same seed everywhere.
at::Tensor RandomTensor(std::vector<int64_t> sizes, at::ScalarType dtype,
                        uint32_t seed);

// A tensor of NaN, which shows what a kernel did not write.
at::Tensor Poison(std::vector<int64_t> sizes, at::ScalarType dtype);

// `matrix` [out, in] packed for the CPU in its own dtype.
PackedWeight PackOnCpu(const at::Tensor& matrix);

// Same shape, dtype and bytes.
::testing::AssertionResult BitEqual(const at::Tensor& a, const at::Tensor& b);

// |actual - expected| <= tolerance * (largest |expected|), everywhere. The
// default tolerance is that of `actual`'s dtype.
::testing::AssertionResult IsClose(const at::Tensor& actual,
                                   const at::Tensor& expected);
::testing::AssertionResult IsClose(const at::Tensor& actual,
                                   const at::Tensor& expected,
                                   double tolerance);

// Tests over every table that the machine runs and both element types.
class KernelTest : public ::testing::TestWithParam<
                       std::tuple<const CpuKernels*, at::ScalarType>> {
 protected:
  const CpuKernels& kernels() const { return *std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
};

inline std::string KernelTestName(
    const ::testing::TestParamInfo<KernelTest::ParamType>& info) {
  return std::string(std::get<0>(info.param)->name) +
         (std::get<1>(info.param) == at::kFloat ? "_f32" : "_bf16");
}

inline auto AllKernels() {
  return ::testing::Combine(::testing::ValuesIn(SupportedCpuKernels()),
                            ::testing::Values(at::kFloat, at::kBFloat16));
}

}  // namespace lora

#endif  // LORA_TESTS_UNIT_KERNELS_KERNEL_TEST_UTIL_H_
