// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/safetensors_writer.h"

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/tensorfile/safetensors_view.h"

namespace lora {
namespace {

// The file that diffusers writes for a LoRA of rank 32 over two linear layers.
TEST(SafetensorsWriterTest, WritesTheBytesOfTheReferenceWriter) {
  const std::string zeros(size_t{256} * 32 * 4, '\0');
  const auto source = [&zeros](std::string name, int64_t rows,
                               int64_t columns) {
    return TensorSource{std::move(name),
                        Dtype::kF32,
                        {rows, columns},
                        absl::string_view(zeros).substr(0, rows * columns * 4)};
  };
  const std::string prefix = "unet.base_model.model.";
  const auto file =
      WriteSafetensors({source(prefix + "linear2.lora_B.weight", 256, 32),
                        source(prefix + "linear1.lora_B.weight", 128, 32),
                        source(prefix + "linear2.lora_A.weight", 32, 128),
                        source(prefix + "linear1.lora_A.weight", 32, 64)},
                       {{"format", "pt"}});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size(), 74'200u);
  EXPECT_EQ(file->substr(0, 8), std::string("\xD0\x01\0\0\0\0\0\0", 8));
  const std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("unet.base_model.model.linear1.lora_A.weight":)"
      R"({"dtype":"F32","shape":[32,64],"data_offsets":[0,8192]},)"
      R"("unet.base_model.model.linear1.lora_B.weight":)"
      R"({"dtype":"F32","shape":[128,32],"data_offsets":[8192,24576]},)"
      R"("unet.base_model.model.linear2.lora_A.weight":)"
      R"({"dtype":"F32","shape":[32,128],"data_offsets":[24576,40960]},)"
      R"("unet.base_model.model.linear2.lora_B.weight":)"
      R"({"dtype":"F32","shape":[256,32],"data_offsets":[40960,73728]}})";
  EXPECT_EQ(header.size(), 457u);
  EXPECT_EQ(file->substr(8, 464), header + std::string(7, ' '));
}

TEST(SafetensorsWriterTest, WiderTypesComeFirstThenNames) {
  const auto file = WriteSafetensors({{"a", Dtype::kF16, {1}, "aa"},
                                      {"c", Dtype::kF32, {1}, "cccc"},
                                      {"b", Dtype::kF32, {1}, "bbbb"},
                                      {"d", Dtype::kI64, {1}, "dddddddd"},
                                      {"e", Dtype::kBool, {1}, "e"}},
                                     {});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->substr(file->size() - 19), "ddddddddbbbbccccaae");
  EXPECT_EQ((file->size() - 19) % 8, 0u);
}

TEST(SafetensorsWriterTest, WhatIsWrittenReadsBack) {
  const std::string name = "quote \" slash \\ \xC3\xA9";
  const auto file = WriteSafetensors(
      {{name, Dtype::kU8, {3}, "abc"}, {"empty", Dtype::kF32, {0, 4}, ""}},
      {{"line", "one\ntwo"}});
  ASSERT_TRUE(file.ok()) << file.status();
  const auto view = SafetensorsView::Parse(*file);
  ASSERT_TRUE(view.ok()) << view.status();
  ASSERT_NE(view->Find(name), nullptr);
  EXPECT_EQ(view->Data(*view->Find(name)), "abc");
  EXPECT_NE(view->Find("empty"), nullptr);
  EXPECT_EQ(view->metadata().at("line"), "one\ntwo");
}

TEST(SafetensorsWriterTest, NothingToWriteIsAnEmptyObject) {
  const auto file = WriteSafetensors({}, {});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*file, std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
}

TEST(SafetensorsWriterTest, WhatCannotBeReadIsNotWritten) {
  const auto reason_of = [](const std::vector<TensorSource>& tensors) {
    return GetErrorReason(WriteSafetensors(tensors, {}).status());
  };
  EXPECT_EQ(
      reason_of({{"a", Dtype::kU8, {1}, "x"}, {"a", Dtype::kU8, {1}, "y"}}),
      ErrorReason::kStDuplicate);
  EXPECT_EQ(reason_of({{"a", Dtype::kF32, {2}, "xyz"}}), ErrorReason::kStSize);
  EXPECT_EQ(reason_of({{"a\xFF", Dtype::kU8, {1}, "x"}}),
            ErrorReason::kStHeaderJson);
  EXPECT_EQ(reason_of({{"a..b", Dtype::kU8, {1}, "x"}}),
            ErrorReason::kStHeaderJson);
}

}  // namespace
}  // namespace lora
