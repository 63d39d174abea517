// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/finite_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace lora {
namespace {

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(T));
}

TEST(FiniteCheckTest, TheLargestFiniteValuesAreFinite) {
  EXPECT_EQ(FindNonFinite(BytesOf<float>({0.0f, -3.4028235e38f, 1e-45f}),
                          Dtype::kF32),
            std::nullopt);
  EXPECT_EQ(FindNonFinite(BytesOf<double>({-0.0, 3.4028234663852886e38}),
                          Dtype::kF64),
            std::nullopt);
  EXPECT_EQ(
      FindNonFinite(BytesOf<uint16_t>({0x7BFF, 0xFBFF, 0x0001}), Dtype::kF16),
      std::nullopt);
  EXPECT_EQ(FindNonFinite(BytesOf<uint16_t>({0x7F7F, 0xFF7F}), Dtype::kBF16),
            std::nullopt);
}

TEST(FiniteCheckTest, InfinitiesAndNansOfEachTypeAreFound) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(FindNonFinite(BytesOf<float>({1.0f, -kInf}), Dtype::kF32), 1);
  EXPECT_EQ(FindNonFinite(BytesOf<float>({std::nanf("")}), Dtype::kF32), 0);
  EXPECT_EQ(
      FindNonFinite(BytesOf<double>({1.0, 2.0, std::nan("")}), Dtype::kF64), 2);
  for (const uint16_t bits : {0x7C00, 0xFC00, 0x7E00, 0x7C01}) {
    EXPECT_EQ(FindNonFinite(BytesOf<uint16_t>({0, bits}), Dtype::kF16), 1);
  }
  for (const uint16_t bits : {0x7F80, 0xFF80, 0x7FC0, 0xFF81}) {
    EXPECT_EQ(FindNonFinite(BytesOf<uint16_t>({0, bits}), Dtype::kBF16), 1);
  }
}

TEST(FiniteCheckTest, DoublesThatNoFloatHoldsAreFound) {
  for (const double value : {3.4028234663852890e38, -3.5e38, 1e300}) {
    EXPECT_EQ(FindNonFinite(BytesOf<double>({1.0, value}), Dtype::kF64), 1)
        << value;
  }
}

TEST(FiniteCheckTest, TheFirstOfManyIsFoundWhereverItIs) {
  constexpr size_t kSize = 10'000;
  for (const size_t position :
       {size_t{0}, size_t{4095}, size_t{4096}, size_t{8192}, kSize - 1}) {
    std::vector<float> values(kSize, 1.0f);
    values[position] = std::nanf("");
    values[kSize - 1] = std::nanf("");
    EXPECT_EQ(FindNonFinite(BytesOf(values), Dtype::kF32),
              static_cast<int64_t>(position));
  }
}

TEST(FiniteCheckTest, DataMayBeMisaligned) {
  const std::string bytes =
      "x" + BytesOf<float>({1.0f, std::numeric_limits<float>::infinity()});
  EXPECT_EQ(FindNonFinite(absl::string_view(bytes).substr(1), Dtype::kF32), 1);
}

TEST(FiniteCheckTest, IntegersAndNoDataAreFinite) {
  EXPECT_EQ(FindNonFinite(std::string(8, '\xFF'), Dtype::kI64), std::nullopt);
  EXPECT_EQ(FindNonFinite("", Dtype::kF32), std::nullopt);
}

}  // namespace
}  // namespace lora
