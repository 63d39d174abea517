// SPDX-License-Identifier: Apache-2.0
#include "server/base/file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_ / name; }
  void Write(const std::string& name, const std::string& bytes) const {
    folder_.Write(name, bytes);
  }

  const TemporaryFolder folder_;
  const fs::path& dir_ = folder_.path();
};

TEST_F(FileTest, ReadReturnsEveryByte) {
  const std::string bytes("a\0b\xff\n", 5);
  Write("f", bytes);
  EXPECT_THAT(ReadFile(Path("f"), 5), IsOkAndHolds(bytes));
  Write("empty", "");
  EXPECT_THAT(ReadFile(Path("empty"), 0), IsOkAndHolds(std::string()));
}

TEST_F(FileTest, AMissingFileIsNotFound) {
  EXPECT_THAT(ReadFile(Path("f"), 10),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kPath));
  EXPECT_THAT(ReadFile(Path("f") + "/g", 10),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kPath));
}

TEST_F(FileTest, AFileOverTheLimitIsRefusedBeforeItIsRead) {
  Write("f", "12345");
  EXPECT_THAT(
      ReadFile(Path("f"), 4),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
}

TEST_F(FileTest, AnOpenedFileIsCheckedWhereItReallyIs) {
  Write("f", "12345");
  fs::create_symlink("f", Path("link"));
  std::string seen;
  const OpenedFileCheck check = [&seen](const std::string& real_path) {
    seen = real_path;
    return absl::PermissionDeniedError("not that one");
  };
  EXPECT_THAT(ReadFile(Path("link"), 10, check),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(seen, fs::canonical(Path("f")).string());
}

TEST_F(FileTest, WhatIsNoRegularFileIsRefusedAndDoesNotHang) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  for (const std::string& path :
       {Path("fifo"), dir_.string(), std::string("/dev/zero")}) {
    EXPECT_THAT(
        ReadFile(path, 10),
        StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath))
        << path;
  }
}

TEST_F(FileTest, WriteReplacesTheWholeFileAndLeavesNothingElse) {
  ASSERT_OK(WriteFileAtomically(Path("f"), "a longer content"));
  ASSERT_OK(WriteFileAtomically(Path("f"), "short"));
  EXPECT_THAT(ReadFile(Path("f"), 100), IsOkAndHolds(std::string("short")));
  EXPECT_EQ(
      std::distance(fs::directory_iterator(dir_), fs::directory_iterator()), 1);
}

TEST_F(FileTest, AWriteThatFailsKeepsTheOldContent) {
  ASSERT_OK(WriteFileAtomically(Path("f"), "old"));
  fs::create_directories(Path("folder"));
  Write("folder/inside", "x");
  EXPECT_FALSE(WriteFileAtomically(Path("folder"), "new").ok());
  EXPECT_FALSE(WriteFileAtomically(Path("no/such/folder"), "new").ok());
  EXPECT_THAT(ReadFile(Path("f"), 100), IsOkAndHolds(std::string("old")));
  EXPECT_EQ(
      std::distance(fs::directory_iterator(dir_), fs::directory_iterator()),
      2);  // No temporary file is left.
}

TEST_F(FileTest, AMappingShowsTheFileAndMoves) {
  Write("f", "mapped");
  ASSERT_OK_AND_ASSIGN(MappedFile a, MappedFile::Open(Path("f")));
  EXPECT_EQ(a.bytes(), "mapped");
  MappedFile b = std::move(a);
  EXPECT_EQ(b.bytes(), "mapped");
  EXPECT_EQ(a.bytes(), "");  // NOLINT(bugprone-use-after-move): the promise.
  fs::remove(Path("f"));
  EXPECT_EQ(b.bytes(), "mapped");
}

TEST_F(FileTest, AnEmptyFileMapsToNothing) {
  Write("f", "");
  ASSERT_OK_AND_ASSIGN(const MappedFile mapped, MappedFile::Open(Path("f")));
  EXPECT_EQ(mapped.bytes(), "");
}

TEST_F(FileTest, WhatCannotBeReadCannotBeMapped) {
  EXPECT_THAT(MappedFile::Open(Path("f")),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kPath));
  EXPECT_THAT(MappedFile::Open(dir_),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(FileTest, OnlyWhatIsSureOfAPathIsSaidOfIt) {
  for (const int error : {ENOENT, ENOTDIR, ENAMETOOLONG}) {
    EXPECT_THAT(ErrnoStatus(error, "f", "open"),
                StatusIs(absl::StatusCode::kNotFound, ErrorReason::kPath));
  }
  for (const int error : {EACCES, EPERM, ELOOP}) {
    EXPECT_THAT(
        ErrnoStatus(error, "f", "open"),
        StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath));
  }
  for (const int error : {EMFILE, ENFILE, EIO, ESTALE, ENOMEM}) {
    const absl::Status status = ErrnoStatus(error, "f", "open");
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                                 ErrorReason::kSourceUnreachable));
    EXPECT_THAT(status, MessageIs(::testing::HasSubstr("cannot open f")));
  }
}

}  // namespace
}  // namespace lora
