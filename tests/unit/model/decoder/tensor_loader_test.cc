// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/tensor_loader.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Use = PlannedTensor::Use;

// A stored tensor whose bytes begin `misalignment` bytes off.
class Stored {
 public:
  Stored(Use use, std::vector<int64_t> shape, Dtype dtype,
         absl::string_view bytes, size_t misalignment = 0) {
    info_.dtype = dtype;
    info_.shape = std::move(shape);
    buffer_.assign(misalignment, '\0');
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    planned_.use = use;
    planned_.source = {
        &info_, absl::string_view(buffer_.data() + misalignment, bytes.size())};
  }
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;

  const PlannedTensor& planned() const { return planned_; }
  // Memory for it as a matrix.
  WeightArena Arena(const WeightFormat& format) const {
    return *WeightArena::Create(planned_.Bytes(format), format.device);
  }
  void Clear() { std::fill(buffer_.begin(), buffer_.end(), '\0'); }

 private:
  TensorInfo info_;
  std::vector<char> buffer_;  // Aligned to 16 bytes by operator new.
  PlannedTensor planned_;
};

std::vector<float> Values() { return {1.0f, -2.0f, 0.5f, 4.0f, 8.0f, -0.25f}; }

std::string F32Bytes() {
  const std::vector<float> values = Values();
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(float));
}

std::string F16Bytes() {
  // 1, -2, 0.5, 4, 8, -0.25.
  const std::vector<uint16_t> values = {0x3c00, 0xc000, 0x3800,
                                        0x4400, 0x4800, 0xb400};
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(uint16_t));
}

void ExpectValues(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kFloat).reshape({-1});
  const std::vector<float> values = Values();
  ASSERT_EQ(flat.numel(), static_cast<int64_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(flat[i].item().toFloat(), values[i]) << i;
  }
}

TEST(TensorLoaderTest, TablesAndNormsTakeTheModelsDtypeAndBiasesFloat32) {
  TensorLoader loader({.dtype = at::kBFloat16}, 1000, nullptr);
  const Stored table(Use::kTable, {2, 3}, Dtype::kF32, F32Bytes());
  const Stored norm(Use::kNorm, {6}, Dtype::kF16, F16Bytes());
  const Stored bias(Use::kBias, {6}, Dtype::kF16, F16Bytes());
  for (const auto& [stored, dtype] :
       {std::pair(&table, at::kBFloat16), std::pair(&norm, at::kBFloat16),
        std::pair(&bias, at::kFloat)}) {
    ASSERT_OK_AND_ASSIGN(const at::Tensor tensor,
                         loader.LoadTensor(stored->planned()));
    EXPECT_EQ(tensor.scalar_type(), dtype);
    ExpectValues(tensor);
  }
}

TEST(TensorLoaderTest, MatricesArePacked) {
  const WeightFormat format = {.dtype = at::kFloat};
  TensorLoader loader(format, 1000, nullptr);
  const Stored matrix(Use::kMatrix, {2, 3}, Dtype::kF16, F16Bytes());
  WeightArena arena = matrix.Arena(format);
  ASSERT_OK_AND_ASSIGN(const PackedWeight packed,
                       loader.LoadMatrix(matrix.planned(), arena));
  EXPECT_EQ(packed.out_features(), 2);
  EXPECT_EQ(packed.in_features(), 3);
  EXPECT_EQ(packed.dtype(), at::kFloat);
  ExpectValues(packed.Unpack());
}

TEST(TensorLoaderTest, MisalignedFilesAreRead) {
  TensorLoader loader({.dtype = at::kFloat}, 1000, nullptr);
  for (const size_t misalignment : {1, 2, 3}) {
    const Stored norm(Use::kNorm, {6}, Dtype::kF32, F32Bytes(), misalignment);
    ASSERT_OK_AND_ASSIGN(const at::Tensor tensor,
                         loader.LoadTensor(norm.planned()));
    ExpectValues(tensor);
  }
}

TEST(TensorLoaderTest, WhatIsLoadedOutlivesTheFile) {
  const WeightFormat format = {.dtype = at::kFloat};
  TensorLoader loader(format, 1000, nullptr);
  Stored table(Use::kTable, {2, 3}, Dtype::kF32, F32Bytes());
  Stored matrix(Use::kMatrix, {2, 3}, Dtype::kF32, F32Bytes());
  ASSERT_OK_AND_ASSIGN(const at::Tensor tensor,
                       loader.LoadTensor(table.planned()));
  WeightArena arena = matrix.Arena(format);
  ASSERT_OK_AND_ASSIGN(const PackedWeight packed,
                       loader.LoadMatrix(matrix.planned(), arena));
  table.Clear();
  matrix.Clear();
  ExpectValues(tensor);
  ExpectValues(packed.Unpack());
}

TEST(TensorLoaderTest, ProgressIsToldAtEachTenthAtMost) {
  const Stored norm(Use::kNorm, {6}, Dtype::kF32, F32Bytes());
  std::vector<std::pair<int64_t, int64_t>> calls;
  // 24 bytes each: a tenth is 60.
  TensorLoader loader({.dtype = at::kFloat}, 600,
                      [&](int64_t loaded, int64_t total) {
                        calls.emplace_back(loaded, total);
                      });
  for (int i = 0; i < 8; ++i) ASSERT_OK(loader.LoadTensor(norm.planned()));
  EXPECT_THAT(calls,
              ElementsAre(Pair(72, 600), Pair(120, 600), Pair(192, 600)));
}

}  // namespace
}  // namespace lora
