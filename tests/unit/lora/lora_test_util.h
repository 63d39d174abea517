// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_LORA_LORA_TEST_UTIL_H_
#define LORA_TESTS_UNIT_LORA_LORA_TEST_UTIL_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/device_adapter.h"
#include "server/base/reclaimer.h"
#include "server/lora/lora_weights.h"

namespace lora {

// Values in [-1, 1) that depend on `seed` alone. float32 [rows, columns].
at::Tensor RandomMatrix(int64_t rows, int64_t columns, uint32_t seed);

// `matrix` packed for the CPU.
PackedWeight Packed(const at::Tensor& matrix, at::ScalarType dtype);

// One module of an adapter to be made: A random, B random or zero.
struct ModuleSpec {
  int32_t module_index = 0;
  int64_t in_features = 0;
  int64_t out_features = 0;
  int64_t rank = 0;
  float scaling = 1.0f;
  bool zero_b = false;
};

std::unique_ptr<const LoraWeights> RandomAdapter(
    const std::vector<ModuleSpec>& modules, at::ScalarType dtype,
    uint32_t seed);

// Whether two tensors have the same dtype, shape and bits.
bool SameBits(const at::Tensor& x, const at::Tensor& y);

// max |x - y| / max |y|, in float64.
double RelativeError(const at::Tensor& x, const at::Tensor& y);

// A device cache with room for everything.
class TestDevice {
 public:
  AdapterHandle Add(const AdapterKey& key,
                    std::unique_ptr<const LoraWeights> weights);
  Reclaimer& reclaimer() { return reclaimer_; }

 private:
  Reclaimer reclaimer_;
  DeviceCache cache_{int64_t{1} << 40, &reclaimer_};
};

AdapterKey KeyOf(absl::string_view id);

}  // namespace lora

#endif  // LORA_TESTS_UNIT_LORA_LORA_TEST_UTIL_H_
