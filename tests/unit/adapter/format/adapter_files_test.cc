// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/adapter_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/no_descriptors.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

struct Found {
  std::vector<std::string> files;
  std::string config;
  std::string weights;
};

TEST(AdapterFilesTest, FindsConfigAndWeightsBesideOtherFiles) {
  for (const Found& c : std::vector<Found>{
           {{"adapter_config.json", "adapter_model.safetensors", "README.md",
             "adapter_model.bin", "training_args.bin", "other.safetensors",
             "named/adapter_config.json"},
            "adapter_config.json",
            "adapter_model.safetensors"},
           {{"style.safetensors", "notes.txt"}, "", "style.safetensors"},
           {{"pytorch_lora_weights.safetensors", "x.safetensors"},
            "",
            "pytorch_lora_weights.safetensors"}}) {
    const TempDir dir;
    for (const std::string& file : c.files) dir.Write(file, "");
    ASSERT_OK_AND_ASSIGN(const AdapterFiles files,
                         FindAdapterFiles(dir.path()));
    EXPECT_EQ(files.directory, dir.path());
    EXPECT_EQ(files.config, c.config);
    EXPECT_EQ(files.weights, c.weights);
  }
}

TEST(AdapterFilesTest, ASingleFileMayBeNamed) {
  const TempDir dir;
  dir.Write("style.safetensors", "");
  ASSERT_OK_AND_ASSIGN(const AdapterFiles files,
                       FindAdapterFiles(dir.path() + "/style.safetensors"));
  EXPECT_EQ(files.directory, dir.path());
  EXPECT_EQ(files.config, "");
  EXPECT_EQ(files.weights, "style.safetensors");
}

struct Missing {
  std::vector<std::string> files;
  absl::StatusCode code;
  ErrorReason reason;
  std::string message;
};

TEST(AdapterFilesTest, WhatHoldsNoAdapterIsRefusedForItsReason) {
  constexpr auto kNotFound = absl::StatusCode::kNotFound;
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const Missing& c : std::vector<Missing>{
           {{}, kNotFound, ErrorReason::kAdapterFilesMissing, "no adapter"},
           {{"a.safetensors", "b.safetensors"},
            kNotFound,
            ErrorReason::kAdapterFilesMissing,
            "2 safetensors files"},
           {{"named/adapter_config.json", "optimizer.pt"},
            kNotFound,
            ErrorReason::kAdapterFilesMissing,
            "such as named"},
           {{"adapter_config.json", "training_args.bin"},
            kNotFound,
            ErrorReason::kWeightsMissing,
            "adapter_model.safetensors"},
           {{"adapter_config.json", "adapter_model.bin"},
            kInvalid,
            ErrorReason::kPickleRefused,
            "adapter_model.bin"},
           {{"model.ckpt"}, kInvalid, ErrorReason::kPickleRefused, "ckpt"}}) {
    const TempDir dir;
    for (const std::string& file : c.files) dir.Write(file, "");
    const auto files = FindAdapterFiles(dir.path());
    EXPECT_THAT(files, StatusIs(c.code, c.reason));
    EXPECT_THAT(files, MessageIs(HasSubstr(c.message)));
  }
}

TEST(AdapterFilesTest, APathThatIsNotThereIsNotFound) {
  EXPECT_THAT(
      FindAdapterFiles("/no/such/folder"),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
}

TEST(AdapterFilesTest, ANamedPickleIsRefused) {
  const TempDir dir;
  dir.Write("weights.pt", "");
  EXPECT_THAT(FindAdapterFiles(dir.path() + "/weights.pt"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ErrorReason::kPickleRefused));
}

TEST(AdapterFilesTest, NoDescriptorsLeftIsUnavailable) {
  const TempDir dir;
  dir.Write("style.safetensors", "");
  const auto find = [&dir] {
    const NoDescriptors none;
    return FindAdapterFiles(dir.path());
  };
  EXPECT_THAT(find(), StatusIs(absl::StatusCode::kUnavailable,
                               ErrorReason::kSourceUnreachable));
}

TEST(AdapterFilesTest, APathThatCannotBeFollowedIsNotCalledMissing) {
  const TempDir dir;
  std::filesystem::create_symlink("loop", dir.path() + "/loop");
  const auto files = FindAdapterFiles(dir.path() + "/loop");
  EXPECT_THAT(
      files, StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath));
  EXPECT_THAT(files, MessageIs(HasSubstr("loop")));
}

}  // namespace
}  // namespace lora
