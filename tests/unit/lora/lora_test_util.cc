// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lora/lora_test_util.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lora {

at::Tensor RandomMatrix(int64_t rows, int64_t columns, uint32_t seed) {
  at::Tensor matrix = at::empty({rows, columns}, at::kFloat);
  auto* values = matrix.mutable_data_ptr<float>();
  uint64_t state = seed + 1;
  for (int64_t i = 0; i < matrix.numel(); ++i) {
    state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    values[i] = static_cast<float>(state >> 40) / (1 << 23) - 1.0f;
  }
  return matrix;
}

PackedWeight Packed(const at::Tensor& matrix, at::ScalarType dtype) {
  auto packed = PackedWeight::Pack(matrix, dtype, at::kCPU);
  EXPECT_TRUE(packed.ok()) << packed.status();
  return *std::move(packed);
}

std::unique_ptr<const LoraWeights> RandomAdapter(
    const std::vector<ModuleSpec>& modules, at::ScalarType dtype,
    uint32_t seed) {
  std::vector<LoraWeights::IndexedModule> indexed;
  for (const ModuleSpec& spec : modules) {
    const at::Tensor b =
        spec.zero_b ? at::zeros({spec.out_features, spec.rank}, at::kFloat)
                    : RandomMatrix(spec.out_features, spec.rank, seed + 1);
    LoraWeights::IndexedModule entry;
    entry.module_index = spec.module_index;
    entry.module.a =
        Packed(RandomMatrix(spec.rank, spec.in_features, seed), dtype);
    entry.module.b = Packed(b, dtype);
    entry.module.scaling = spec.scaling;
    indexed.push_back(std::move(entry));
    seed += 2;
  }
  return std::make_unique<const LoraWeights>(std::move(indexed));
}

bool SameBits(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor a = x.contiguous();
  const at::Tensor b = y.contiguous();
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

double RelativeError(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor reference = y.to(at::kDouble);
  return x.to(at::kDouble).sub(reference).abs().max().item<double>() /
         reference.abs().max().item<double>();
}

AdapterHandle TestDevice::Add(const AdapterKey& key,
                              std::unique_ptr<const LoraWeights> weights) {
  auto reservation = cache_.Reserve(weights->device_bytes());
  EXPECT_TRUE(reservation.ok()) << reservation.status();
  auto handle = cache_.Insert(key, std::move(weights), *std::move(reservation));
  EXPECT_TRUE(handle.ok()) << handle.status();
  return *std::move(handle);
}

AdapterKey KeyOf(absl::string_view id) {
  return {AdapterId(std::string(id)), absl::StrCat("digest-of-", id)};
}

}  // namespace lora
