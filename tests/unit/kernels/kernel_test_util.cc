// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/kernels/kernel_test_util.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <cstring>
#include <limits>

namespace lora {

at::Tensor RandomTensor(std::vector<int64_t> sizes, at::ScalarType dtype,
                        uint32_t seed) {
  at::Tensor tensor = at::empty(sizes, at::dtype(at::kFloat));
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal;
  float* data = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) data[i] = normal(bits);
  return tensor.to(dtype);
}

at::Tensor Poison(std::vector<int64_t> sizes, at::ScalarType dtype) {
  return at::full(sizes, std::numeric_limits<float>::quiet_NaN(),
                  at::dtype(dtype));
}

PackedWeight PackOnCpu(const at::Tensor& matrix) {
  absl::StatusOr<PackedWeight> packed =
      PackedWeight::Pack(matrix, matrix.scalar_type(), at::kCPU);
  EXPECT_TRUE(packed.ok()) << packed.status();
  return *std::move(packed);
}

::testing::AssertionResult BitEqual(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) {
    return ::testing::AssertionFailure()
           << a.sizes() << " " << a.scalar_type() << " against " << b.sizes()
           << " " << b.scalar_type();
  }
  const at::Tensor x = a.contiguous();
  const at::Tensor y = b.contiguous();
  if (std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0) {
    return ::testing::AssertionSuccess();
  }
  const at::Tensor wide = x.to(at::kFloat).sub(y.to(at::kFloat)).abs();
  return ::testing::AssertionFailure()
         << wide.ne(0).sum().item<int64_t>() << " of " << x.numel()
         << " elements differ, by up to " << wide.max().item<float>();
}

::testing::AssertionResult IsClose(const at::Tensor& actual,
                                   const at::Tensor& expected) {
  return IsClose(actual, expected,
                 actual.scalar_type() == at::kFloat ? 1e-5 : 1e-2);
}

::testing::AssertionResult IsClose(const at::Tensor& actual,
                                   const at::Tensor& expected,
                                   double tolerance) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << actual.sizes() << " against " << expected.sizes();
  }
  if (actual.numel() == 0) return ::testing::AssertionSuccess();
  const at::Tensor wide = expected.to(at::kDouble);
  const double error =
      actual.to(at::kDouble).sub(wide).abs().max().item<double>();
  const double scale = wide.abs().max().item<double>();
  // Written so that NaN fails.
  if (error <= tolerance * scale) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "largest error " << error << ", largest expected value " << scale
         << ", tolerance " << tolerance;
}

}  // namespace lora
