// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/safetensors_view.h"

#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/unit/tensorfile/safetensors_test_util.h"

namespace lora {
namespace {

TEST(SafetensorsViewTest, EachTensorHasItsOwnBytes) {
  std::string file =
      FileOf(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
             R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})");
  file += "xyz";
  const auto view = SafetensorsView::Parse(file);
  ASSERT_TRUE(view.ok()) << view.status();
  ASSERT_EQ(view->tensors().size(), 2u);
  EXPECT_EQ(view->Data(*view->Find("a")), "xy");
  EXPECT_EQ(view->Data(*view->Find("b")), "z");
  EXPECT_EQ(view->FileOffset(*view->Find("b")),
            static_cast<int64_t>(file.size()) - 1);
}

TEST(SafetensorsViewTest, AnEmptyTensorHasNoBytes) {
  const std::string file =
      FileOf(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})");
  const auto view = SafetensorsView::Parse(file);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->Data(*view->Find("a")), "");
}

TEST(SafetensorsViewTest, MetadataIsPassedOn) {
  const std::string file = FileOf(R"({"__metadata__":{"format":"pt"}})");
  const auto view = SafetensorsView::Parse(file);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->metadata().at("format"), "pt");
}

TEST(SafetensorsViewTest, HeaderErrorsAreItsErrors) {
  const auto view = SafetensorsView::Parse(FileOf("{}", 1));
  EXPECT_EQ(GetErrorReason(view.status()), ErrorReason::kStLength);
}

}  // namespace
}  // namespace lora
