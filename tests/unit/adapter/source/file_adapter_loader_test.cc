// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/source/file_adapter_loader.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/adapter/source/directory_source.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

constexpr char kConfig[] =
    R"({"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]})";

class FileAdapterLoaderTest : public ::testing::Test {
 protected:
  FileAdapterLoaderTest() {
    root_.Write("a/adapter_config.json", kConfig);
    root_.Write("a/adapter_model.safetensors", weights_);
    root_.Write("empty/README.md", "nothing here");
    outside_.Write("b/adapter_config.json", kConfig);
    outside_.Write("b/adapter_model.safetensors", weights_);
  }

  FileAdapterLoader MakeLoader() {
    auto source = DirectorySource::Create({.roots = {root_.path()}});
    EXPECT_OK(source);
    return FileAdapterLoader(*std::move(source), TinyLlama(), {});
  }

  const std::string weights_ =
      FileWith(PairOf("model.layers.0.self_attn.q_proj", 8, 8, 2));
  const TempDir root_;
  const TempDir outside_;
};

TEST_F(FileAdapterLoaderTest, AnAdapterBelowARootIsMeasuredAndRead) {
  FileAdapterLoader loader = MakeLoader();
  LoadProgress progress;
  ASSERT_OK_AND_ASSIGN(const auto adapter,
                       loader.Read(AdapterId("a"), "a", {}, progress));
  EXPECT_EQ(adapter->key.id, AdapterId("a"));
  EXPECT_EQ(adapter->bytes, weights_);
  EXPECT_THAT(loader.Measure("a"), IsOkAndHolds(adapter->host_bytes()));
}

TEST_F(FileAdapterLoaderTest, WhatIsOutsideTheRootsIsRefused) {
  FileAdapterLoader loader = MakeLoader();
  LoadProgress progress;
  const std::string outside = outside_.path() + "/b";
  EXPECT_THAT(
      loader.Measure(outside),
      StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath));
  EXPECT_THAT(
      loader.Read(AdapterId("a"), outside, {}, progress),
      StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath));
}

TEST_F(FileAdapterLoaderTest, AFolderWithoutAnAdapterIsNotFound) {
  FileAdapterLoader loader = MakeLoader();
  EXPECT_THAT(
      loader.Measure("empty"),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
}

TEST_F(FileAdapterLoaderTest, ProgressIsHeardAndACancelStopsTheRead) {
  FileAdapterLoader loader = MakeLoader();
  std::vector<double> heard;
  LoadProgress progress([&](double fraction) { heard.push_back(fraction); });
  ASSERT_OK(loader.Read(AdapterId("a"), "a", {}, progress));
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), 1.0);
  progress.Cancel();
  EXPECT_THAT(loader.Read(AdapterId("a"), "a", {}, progress),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace lora
