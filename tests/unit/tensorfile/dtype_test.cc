// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/dtype.h"

#include <gtest/gtest.h>

namespace lora {
namespace {

TEST(DtypeTest, EveryNameParsesBackToItsType) {
  for (int i = 0; i < kNumDtypes; ++i) {
    const auto dtype = static_cast<Dtype>(i);
    EXPECT_EQ(ParseDtype(DtypeName(dtype)), dtype) << DtypeName(dtype);
  }
}

TEST(DtypeTest, NamesAreUpperCaseExactly) {
  EXPECT_EQ(ParseDtype("F32"), Dtype::kF32);
  EXPECT_EQ(ParseDtype("f32"), std::nullopt);
  EXPECT_EQ(ParseDtype("F128"), std::nullopt);
  EXPECT_EQ(ParseDtype(""), std::nullopt);
}

TEST(DtypeTest, BitsAreThoseOfTheFormat) {
  EXPECT_EQ(DtypeBits(Dtype::kBool), 8);
  EXPECT_EQ(DtypeBits(Dtype::kF4), 4);
  EXPECT_EQ(DtypeBits(Dtype::kF6E2M3), 6);
  EXPECT_EQ(DtypeBits(Dtype::kF8E8M0), 8);
  EXPECT_EQ(DtypeBits(Dtype::kBF16), 16);
  EXPECT_EQ(DtypeBits(Dtype::kU32), 32);
  EXPECT_EQ(DtypeBits(Dtype::kC64), 64);
}

TEST(DtypeTest, ClassesTellWeightsFromOthers) {
  EXPECT_EQ(ClassOf(Dtype::kF16), DtypeClass::kFloat);
  EXPECT_EQ(ClassOf(Dtype::kF64), DtypeClass::kFloat);
  EXPECT_EQ(ClassOf(Dtype::kF8E4M3), DtypeClass::kSmallFloat);
  EXPECT_EQ(ClassOf(Dtype::kI8), DtypeClass::kInteger);
  EXPECT_EQ(ClassOf(Dtype::kBool), DtypeClass::kBool);
  EXPECT_EQ(ClassOf(Dtype::kC64), DtypeClass::kComplex);
}

}  // namespace
}  // namespace lora
