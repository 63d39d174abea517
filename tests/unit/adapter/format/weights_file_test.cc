// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/weights_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/support/no_descriptors.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

TEST(WeightsFileTest, IsReadPieceByPiece) {
  const TempDir dir;
  dir.Write("w", "0123456789");
  ASSERT_OK_AND_ASSIGN(const WeightsFile file,
                       WeightsFile::Open(dir.path() + "/w", 10));
  EXPECT_EQ(file.size(), 10);
  std::string bytes;
  ASSERT_OK(file.ReadUpTo(4, bytes));
  EXPECT_EQ(bytes, "0123");
  ASSERT_OK(file.ReadUpTo(10, bytes));
  EXPECT_EQ(bytes, "0123456789");
}

TEST(WeightsFileTest, AFileThatShrinksOrGrowsIsDataLoss) {
  const TempDir dir;
  for (const std::string changed : {"0123", "0123456789ab"}) {
    dir.Write("w", "0123456789");
    ASSERT_OK_AND_ASSIGN(const WeightsFile file,
                         WeightsFile::Open(dir.path() + "/w", 100));
    dir.Write("w", changed);
    std::string bytes;
    EXPECT_THAT(file.ReadUpTo(10, bytes),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(WeightsFileTest, WhatCannotBeReadIsRefusedForItsReason) {
  const TempDir dir;
  dir.Write("w", "0123456789");
  std::filesystem::create_directory(dir.path() + "/folder");
  ASSERT_EQ(::mkfifo((dir.path() + "/pipe").c_str(), 0600), 0);
  EXPECT_THAT(
      WeightsFile::Open(dir.path() + "/absent", 100),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kWeightsMissing));
  EXPECT_THAT(
      WeightsFile::Open(dir.path() + "/w", 9),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  for (const char* name : {"/folder", "/pipe"}) {
    EXPECT_THAT(
        WeightsFile::Open(dir.path() + name, 100),
        StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath));
  }
}

TEST(WeightsFileTest, NoDescriptorsLeftIsUnavailable) {
  const TempDir dir;
  dir.Write("w", "0123456789");
  const auto open = [&dir] {
    const NoDescriptors none;
    return WeightsFile::Open(dir.path() + "/w", 100);
  };
  EXPECT_THAT(open(), StatusIs(absl::StatusCode::kUnavailable,
                               ErrorReason::kSourceUnreachable));
}

}  // namespace
}  // namespace lora
