// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/safetensors_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "tests/unit/tensorfile/safetensors_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<SafetensorsHeader> ParseFile(
    absl::string_view file, const SafetensorsLimits& limits = {}) {
  return SafetensorsHeader::Parse(file, static_cast<int64_t>(file.size()),
                                  limits);
}

struct Refused {
  const char* name;
  std::string file;
  ErrorReason reason;
  const char* message = "";
};

std::string OneTensor(absl::string_view entry, size_t data_bytes) {
  return FileOf(absl::StrCat("{\"t\":", entry, "}"), data_bytes);
}

class RefusedHeaderTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedHeaderTest, IsInvalidForItsReason) {
  const auto header = ParseFile(GetParam().file);
  ASSERT_FALSE(header.ok());
  EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorReason(header.status()), GetParam().reason)
      << header.status();
  EXPECT_THAT(std::string(header.status().message()),
              HasSubstr(GetParam().message));
}

std::string NameOf(const ::testing::TestParamInfo<Refused>& info) {
  return info.param.name;
}

std::string WithLength(uint64_t length, size_t file_bytes) {
  std::string file = FileOf("", file_bytes);
  for (int i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> (8 * i));
  return file;
}

INSTANTIATE_TEST_SUITE_P(
    Length, RefusedHeaderTest,
    ::testing::Values(
        Refused{"Empty", "", ErrorReason::kStHeaderTooSmall, "0 bytes"},
        Refused{"SevenBytes", std::string(7, '\0'),
                ErrorReason::kStHeaderTooSmall, "7 bytes"},
        Refused{"OverHundredMegabytes", WithLength(100'000'001, 64),
                ErrorReason::kStHeaderTooLarge, "100000001"},
        Refused{"AllBitsSet", WithLength(~uint64_t{0}, 64),
                ErrorReason::kStHeaderTooLarge},
        Refused{"LongerThanFile", WithLength(65, 64),
                ErrorReason::kStHeaderLength, "truncated"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Json, RefusedHeaderTest,
    ::testing::Values(
        Refused{"NoHeader", FileOf(""), ErrorReason::kStHeaderJson},
        Refused{"OnlySpaces", FileOf("    "), ErrorReason::kStHeaderJson},
        Refused{"Array", FileOf("[]"), ErrorReason::kStHeaderJson},
        Refused{"NotJson", FileOf("{\"t\"}"), ErrorReason::kStHeaderJson},
        Refused{"ByteOrderMark", FileOf("\xEF\xBB\xBF{}"),
                ErrorReason::kStHeaderJson},
        Refused{"LeadingSpace", FileOf(" {}"), ErrorReason::kStHeaderJson},
        Refused{"TrailingNewline", FileOf("{}\n"), ErrorReason::kStHeaderJson},
        Refused{"TrailingJunk", FileOf("{}{}"), ErrorReason::kStHeaderJson},
        Refused{"HiddenBehindNul", FileOf(absl::string_view("{}\0}", 4)),
                ErrorReason::kStHeaderJson},
        Refused{"NotUtf8", FileOf("{\"\xFF\":0}"), ErrorReason::kStHeaderJson},
        Refused{"LoneSurrogate", FileOf("{\"\\ud800\":0}"),
                ErrorReason::kStHeaderJson},
        Refused{"DeeplyNested",
                FileOf(absl::StrCat("{\"t\":", std::string(200, '['),
                                    std::string(200, ']'), "}")),
                ErrorReason::kStHeaderJson, "nested"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Entry, RefusedHeaderTest,
    ::testing::Values(
        Refused{"NotAnObject", OneTensor("3", 0), ErrorReason::kStHeaderJson,
                "\"t\""},
        Refused{"NoShape",
                OneTensor(R"({"dtype":"U8","data_offsets":[0,1]})", 1),
                ErrorReason::kStHeaderJson, "shape"},
        Refused{"UnknownField",
                OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],)"
                          R"("note":1})",
                          1),
                ErrorReason::kStHeaderJson, "nothing else"},
        Refused{
            "ThirdOffset",
            OneTensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,1]})",
                      1),
            ErrorReason::kStHeaderJson, "[begin, end]"},
        Refused{
            "ShapeIsNumber",
            OneTensor(R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})", 1),
            ErrorReason::kStHeaderJson},
        Refused{
            "UnknownDtype",
            OneTensor(R"({"dtype":"F128","shape":[1],"data_offsets":[0,16]})",
                      16),
            ErrorReason::kStDtype, "F128"},
        Refused{
            "LowerCaseDtype",
            OneTensor(R"({"dtype":"f32","shape":[1],"data_offsets":[0,4]})", 4),
            ErrorReason::kStDtype, "f32"},
        Refused{"DtypeIsNumber",
                OneTensor(R"({"dtype":7,"shape":[1],"data_offsets":[0,4]})", 4),
                ErrorReason::kStDtype},
        Refused{"NulInName",
                FileOf(R"({"a\u0000":{"dtype":"U8","shape":[1],)"
                       R"("data_offsets":[0,1]}})",
                       1),
                ErrorReason::kStHeaderJson, "control character"},
        Refused{"DotsInName",
                FileOf(R"({"../a":{"dtype":"U8","shape":[1],)"
                       R"("data_offsets":[0,1]}})",
                       1),
                ErrorReason::kStHeaderJson, ".."},
        Refused{"NameOverOneKibibyte",
                FileOf(absl::StrCat("{\"", std::string(1025, 'a'),
                                    R"(":{"dtype":"U8","shape":[1],)",
                                    R"("data_offsets":[0,1]}})"),
                       1),
                ErrorReason::kStHeaderJson, "1025"},
        Refused{"TensorTwice",
                FileOf(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})"
                       R"(,"t":{"dtype":"U8","shape":[1],)"
                       R"("data_offsets":[0,1]}})",
                       1),
                ErrorReason::kStDuplicate, "\"t\""},
        Refused{"MetadataKeyTwice",
                FileOf(R"({"__metadata__":{"a":"1","a":"1"}})"),
                ErrorReason::kStDuplicate, "\"a\""},
        Refused{"MetadataIsArray", FileOf(R"({"__metadata__":[]})"),
                ErrorReason::kStMetadata, "array"},
        Refused{"MetadataHoldsNumber", FileOf(R"({"__metadata__":{"a":1}})"),
                ErrorReason::kStMetadata, "number"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Size, RefusedHeaderTest,
    ::testing::Values(
        Refused{
            "NegativeDimension",
            OneTensor(R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})", 1),
            ErrorReason::kStSize, "-1"},
        Refused{
            "FractionalDimension",
            OneTensor(R"({"dtype":"U8","shape":[1.5],"data_offsets":[0,1]})",
                      1),
            ErrorReason::kStSize, "1.5"},
        Refused{
            "ExponentDimension",
            OneTensor(R"({"dtype":"U8","shape":[2e0],"data_offsets":[0,2]})",
                      2),
            ErrorReason::kStSize},
        Refused{"DimensionOver64Bits",
                OneTensor(R"({"dtype":"U8","shape":[18446744073709551616],)"
                          R"("data_offsets":[0,1]})",
                          1),
                ErrorReason::kStSize},
        Refused{"NineDimensions",
                OneTensor(R"({"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],)"
                          R"("data_offsets":[0,1]})",
                          1),
                ErrorReason::kStSize, "9 dimensions"},
        Refused{"ProductOverflows",
                OneTensor(R"({"dtype":"U8","shape":[4294967296,4294967296],)"
                          R"("data_offsets":[0,0]})",
                          0),
                ErrorReason::kStSize, "2^64"},
        Refused{"BitsOverflow",
                OneTensor(R"({"dtype":"F64","shape":[2305843009213693952],)"
                          R"("data_offsets":[0,0]})",
                          0),
                ErrorReason::kStSize, "2^64"},
        Refused{
            "PartialByte",
            OneTensor(R"({"dtype":"F4","shape":[3],"data_offsets":[0,1]})", 1),
            ErrorReason::kStSize, "whole bytes"},
        Refused{
            "RangeTooLong",
            OneTensor(R"({"dtype":"F32","shape":[2,3],"data_offsets":[0,25]})",
                      25),
            ErrorReason::kStSize, "needs 24 bytes"}),
    NameOf);

constexpr absl::string_view kU8 =
    R"({"dtype":"U8","shape":[4],"data_offsets":)";

INSTANTIATE_TEST_SUITE_P(
    Offset, RefusedHeaderTest,
    ::testing::Values(
        Refused{"Reversed", OneTensor(absl::StrCat(kU8, "[4,0]}"), 4),
                ErrorReason::kStOffset, "[4,0]"},
        Refused{"Negative", OneTensor(absl::StrCat(kU8, "[-4,0]}"), 4),
                ErrorReason::kStOffset},
        Refused{"NotFromZero", OneTensor(absl::StrCat(kU8, "[1,5]}"), 5),
                ErrorReason::kStOffset, "hole"},
        Refused{"Hole",
                FileOf(absl::StrCat("{\"a\":", kU8, "[0,4]},\"b\":", kU8,
                                    "[5,9]}}"),
                       9),
                ErrorReason::kStOffset, "\"b\""},
        Refused{"Overlap",
                FileOf(absl::StrCat("{\"a\":", kU8, "[0,4]},\"b\":", kU8,
                                    "[3,7]}}"),
                       7),
                ErrorReason::kStOffset, "inside"},
        Refused{"SameBytesTwice",
                FileOf(absl::StrCat("{\"a\":", kU8, "[0,4]},\"b\":", kU8,
                                    "[0,4]}}"),
                       4),
                ErrorReason::kStOffset},
        Refused{"Truncated", OneTensor(absl::StrCat(kU8, "[0,4]}"), 3),
                ErrorReason::kStLength, "truncated"},
        Refused{"TrailingBytes", OneTensor(absl::StrCat(kU8, "[0,4]}"), 5),
                ErrorReason::kStLength, "junk"},
        Refused{"DataWithoutTensors", FileOf("{}", 1), ErrorReason::kStLength}),
    NameOf);

TEST(SafetensorsHeaderTest, TensorsComeInTheOrderOfTheirData) {
  const auto header = ParseFile(
      FileOf(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[8,10]},)"
             R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})",
             10));
  ASSERT_TRUE(header.ok()) << header.status();
  ASSERT_EQ(header->tensors().size(), 2u);
  EXPECT_EQ(header->tensors()[0].name, "a");
  EXPECT_EQ(header->tensors()[1].name, "b");
  const TensorInfo* tensor = header->Find("a");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->dtype, Dtype::kF32);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 1));
  EXPECT_EQ(tensor->bytes(), 8);
  EXPECT_EQ(header->Find("c"), nullptr);
}

TEST(SafetensorsHeaderTest, LegalOdditiesAreAccepted) {
  for (const std::string& file :
       {FileOf("{}"), FileOf("{}     "), FileOf(R"({"__metadata__":null})"),
        FileOf(R"({"__metadata__":{}})"),
        FileOf(R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
        OneTensor(R"({"dtype":"F64","shape":[],"data_offsets":[0,8]})", 8),
        OneTensor(R"({"dtype":"F4","shape":[2],"data_offsets":[0,1]})", 1)}) {
    EXPECT_TRUE(ParseFile(file).ok()) << ParseFile(file).status();
  }
}

TEST(SafetensorsHeaderTest, EmptyTensorsMayShareAnOffset) {
  const auto header = ParseFile(
      FileOf(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
             R"("b":{"dtype":"U8","shape":[0,7],"data_offsets":[0,0]},)"
             R"("c":{"dtype":"U8","shape":[3,0],"data_offsets":[2,2]},)"
             R"("d":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
             2));
  EXPECT_TRUE(header.ok()) << header.status();
}

TEST(SafetensorsHeaderTest, MetadataIsAMapOfStrings) {
  const auto header =
      ParseFile(FileOf(R"({"__metadata__":{"format":"pt","n":"1"}})"));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_THAT(header->metadata(),
              ElementsAre(Pair("format", "pt"), Pair("n", "1")));
}

TEST(SafetensorsHeaderTest, PrefixAndFileLengthAreEnough) {
  const std::string file = OneTensor(
      R"({"dtype":"F32","shape":[1000],"data_offsets":[0,4000]})", 4000);
  const auto file_bytes = static_cast<int64_t>(file.size());
  const auto prefix_bytes =
      SafetensorsHeader::PrefixBytes(file.substr(0, 8), file_bytes);
  ASSERT_TRUE(prefix_bytes.ok()) << prefix_bytes.status();
  EXPECT_EQ(*prefix_bytes, file_bytes - 4000);
  const auto header =
      SafetensorsHeader::Parse(file.substr(0, *prefix_bytes), file_bytes);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->data_offset(), *prefix_bytes);
}

TEST(SafetensorsHeaderTest, APrefixThatEndsInsideTheHeaderIsRefused) {
  const std::string file = FileOf(R"({"__metadata__":{}})");
  const auto header = SafetensorsHeader::Parse(
      file.substr(0, 12), static_cast<int64_t>(file.size()));
  EXPECT_EQ(GetErrorReason(header.status()), ErrorReason::kStHeaderLength);
}

TEST(SafetensorsHeaderTest, MoreThanTheLimitsIsRefusedAsQuota) {
  const std::string file =
      FileOf(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
             R"("b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
             R"("c":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
             3);
  EXPECT_TRUE(ParseFile(file, {.max_tensors = 3}).ok());
  for (const auto& header :
       {ParseFile(file, {.max_tensors = 1}).status(),
        ParseFile(file, {.max_header_bytes = 100}).status()}) {
    EXPECT_EQ(header.code(), absl::StatusCode::kResourceExhausted) << header;
    EXPECT_EQ(GetErrorReason(header), ErrorReason::kQuota);
  }
}

TEST(SafetensorsHeaderTest, MoreValuesThanItsTensorsNeedAreRefusedAsQuota) {
  std::string json = R"({"a":[[])";
  for (int i = 0; i < 110'000; ++i) absl::StrAppend(&json, ",[]");
  const auto header =
      ParseFile(FileOf(absl::StrCat(json, "]}")), {.max_tensors = 100});
  EXPECT_EQ(header.status().code(), absl::StatusCode::kResourceExhausted)
      << header.status();
  EXPECT_EQ(GetErrorReason(header.status()), ErrorReason::kQuota);
}

TEST(SafetensorsHeaderTest, MetadataDoesNotCountAsATensor) {
  const std::string file =
      FileOf(R"({"__metadata__":{},)"
             R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
             R"("b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
             2);
  EXPECT_TRUE(ParseFile(file, {.max_tensors = 2}).ok());
  EXPECT_FALSE(ParseFile(file, {.max_tensors = 1}).ok());
}

TEST(SafetensorsHeaderTest, TwentyThousandTensorsParse) {
  std::string json = "{";
  for (int i = 0; i < 20'000; ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", "\"model.layers.", i,
                    ".weight\":{\"dtype\":\"U8\",\"shape\":[1],"
                    "\"data_offsets\":[",
                    i, ",", i + 1, "]}");
  }
  json += "}";
  const auto header = ParseFile(FileOf(json, 20'000));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors().size(), 20'000u);
  EXPECT_EQ(header->Find("model.layers.19999.weight")->begin, 19'999);
}

}  // namespace
}  // namespace lora
