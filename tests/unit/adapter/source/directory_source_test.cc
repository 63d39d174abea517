// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/source/directory_source.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

namespace fs = std::filesystem;

class DirectorySourceTest : public ::testing::Test {
 protected:
  DirectorySourceTest() {
    fs::create_directories(dir_ / "root" / "a");
    fs::create_directories(dir_ / "outside" / "b");
    std::ofstream(dir_ / "root" / "a" / "weights") << "w";
    std::ofstream(dir_ / "outside" / "secret") << "s";
  }
  ~DirectorySourceTest() override { fs::remove_all(dir_); }

  std::unique_ptr<DirectorySource> Make(DirectorySourceOptions options) {
    absl::StatusOr<std::unique_ptr<DirectorySource>> source =
        DirectorySource::Create(options);
    EXPECT_OK(source);
    return *std::move(source);
  }
  std::string Path(const std::string& name) const { return dir_ / name; }

  // Canonical, as Resolve answers.
  const fs::path dir_ =
      fs::weakly_canonical(::testing::TempDir()) /
      (std::string("source_test_") +
       ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

MATCHER(IsDenied, "is PERMISSION_DENIED (PATH)") {
  return ::testing::ExplainMatchResult(
      StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath), arg,
      result_listener);
}

TEST_F(DirectorySourceTest, AFolderBelowARootIsFound) {
  const auto source = Make({.roots = {Path("root")}});
  EXPECT_THAT(source->Resolve(Path("root/a")), IsOkAndHolds(Path("root/a")));
  EXPECT_THAT(source->Resolve(Path("root/./a/")), IsOkAndHolds(Path("root/a")));
  EXPECT_THAT(source->Resolve(Path("outside/../root/a")),
              IsOkAndHolds(Path("root/a")));
  EXPECT_THAT(source->Resolve("a"), IsOkAndHolds(Path("root/a")));
}

TEST_F(DirectorySourceTest, TheRootItselfAndWhatIsOutsideAreRefused) {
  const auto source = Make({.roots = {Path("root/")}});
  for (const std::string& path :
       {Path("root"), Path("root/a/.."), Path("outside/b"),
        Path("root/../outside/b"), std::string("/"), std::string("/etc"),
        std::string(""), std::string("../outside/b"), Path("rootling")}) {
    EXPECT_THAT(source->Resolve(path), IsDenied()) << path;
  }
}

TEST_F(DirectorySourceTest, WhetherSomethingExistsOutsideIsNotTold) {
  const auto source = Make({.roots = {Path("root")}});
  const absl::Status there = source->Resolve(Path("outside/b")).status();
  const absl::Status not_there = source->Resolve(Path("outside/c")).status();
  EXPECT_THAT(there, IsDenied());
  EXPECT_THAT(not_there, IsDenied());
}

TEST_F(DirectorySourceTest, WhatIsMissingBelowARootIsNotFound) {
  const auto source = Make({.roots = {Path("root")}});
  EXPECT_THAT(
      source->Resolve(Path("root/none")),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
  EXPECT_THAT(
      source->Resolve("none"),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
}

TEST_F(DirectorySourceTest, LinksThatLeadOutAreRefused) {
  fs::create_directory_symlink(Path("outside/b"), Path("root/link"));
  fs::create_symlink(Path("outside/secret"), Path("root/a/config"));
  const auto source = Make({.roots = {Path("root")}});
  EXPECT_THAT(source->Resolve(Path("root/link")), IsDenied());
  EXPECT_THAT(source->Resolve(Path("root/link/..")), IsDenied());
  EXPECT_THAT(source->Resolve(Path("root/a")), IsDenied());
}

TEST_F(DirectorySourceTest, LinksThatStayInsideAreFollowed) {
  fs::create_directories(Path("root/blobs"));
  std::ofstream(Path("root/blobs/1")) << "w";
  fs::create_directories(Path("root/snapshot"));
  fs::create_symlink("../blobs/1", Path("root/snapshot/weights"));
  fs::create_directory_symlink("snapshot", Path("root/latest"));
  const auto source = Make({.roots = {Path("root")}});
  EXPECT_THAT(source->Resolve(Path("root/latest")),
              IsOkAndHolds(Path("root/snapshot")));
}

TEST_F(DirectorySourceTest, ARootMayBeALinkItself) {
  fs::create_directory_symlink(Path("root"), Path("alias"));
  const auto source = Make({.roots = {Path("alias")}});
  EXPECT_THAT(source->Resolve(Path("alias/a")), IsOkAndHolds(Path("root/a")));
  EXPECT_THAT(source->Resolve(Path("root/a")), IsOkAndHolds(Path("root/a")));
}

TEST_F(DirectorySourceTest, WithoutRootsOnlyWhatWasNamedIsRead) {
  fs::create_symlink(Path("outside/secret"), Path("root/a/config"));
  const auto source = Make({.named_at_start = {Path("root/a/")}});
  EXPECT_THAT(source->Resolve(Path("root/a")), IsOkAndHolds(Path("root/a")));
  EXPECT_THAT(source->Resolve(Path("outside/b")), IsDenied());
  EXPECT_THAT(source->Resolve(Path("root")), IsDenied());
}

TEST_F(DirectorySourceTest, ANamedLinkMayLeadElsewhereLater) {
  fs::create_directories(Path("v1"));
  fs::create_directories(Path("v2"));
  fs::create_directory_symlink("v1", Path("current"));
  const auto source = Make({.named_at_start = {Path("current")}});
  EXPECT_THAT(source->Resolve(Path("current")), IsOkAndHolds(Path("v1")));
  fs::remove(Path("current"));
  fs::create_directory_symlink("v2", Path("current"));
  EXPECT_THAT(source->Resolve(Path("current")), IsOkAndHolds(Path("v2")));
  EXPECT_THAT(source->Resolve(Path("current/")), IsOkAndHolds(Path("v2")));
  EXPECT_OK(source->CheckOpened(Path("current"), Path("v2/weights")));
  EXPECT_THAT(source->Resolve(Path("v2")), IsDenied());
  fs::remove(Path("current"));
  EXPECT_THAT(
      source->Resolve(Path("current")),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
}

TEST_F(DirectorySourceTest, ANamedFolderIsFoundHoweverItIsWritten) {
  const auto source = Make({.named_at_start = {Path("./root/a/")}});
  EXPECT_THAT(source->Resolve(Path("root/a")), IsOkAndHolds(Path("root/a")));
  EXPECT_THAT(source->Resolve(Path("outside/../root/a/.")),
              IsOkAndHolds(Path("root/a")));
  // This one is in outside, though it is written like the name.
  fs::create_directory_symlink(Path("outside/b"), Path("root/link"));
  fs::create_directories(Path("outside/a"));
  EXPECT_THAT(source->Resolve(Path("root/link/../a")),
              IsOkAndHolds(Path("root/a")));
}

TEST_F(DirectorySourceTest, AnOpenedFileIsJudgedByWhereItIs) {
  const auto source = Make({.roots = {Path("root")}});
  EXPECT_OK(source->CheckOpened("a", Path("root/a/weights")));
  EXPECT_THAT(source->CheckOpened("a", Path("outside/secret")), IsDenied());
  EXPECT_THAT(source->CheckOpened("a", Path("root")), IsDenied());
}

TEST_F(DirectorySourceTest, ARootThatIsNoFolderIsRefusedAtStart) {
  EXPECT_THAT(DirectorySource::Create({.roots = {Path("none")}}),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kPath));
  EXPECT_THAT(DirectorySource::Create({.roots = {Path("outside/secret")}}),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kPath));
}

TEST_F(DirectorySourceTest, APathThatBecomesANamedOneOpensNothingElse) {
  fs::create_directories(Path("root/p"));
  const auto source =
      Make({.roots = {Path("root")}, .named_at_start = {Path("outside/b")}});
  ASSERT_THAT(source->Resolve(Path("root/p")), IsOkAndHolds(Path("root/p")));
  // Meanwhile it led to outside, and a file was opened there.
  fs::remove(Path("root/p"));
  fs::create_directory_symlink(Path("outside/b"), Path("root/p"));
  EXPECT_THAT(source->CheckOpened(Path("root/p"), Path("outside/secret")),
              IsDenied());
  EXPECT_THAT(source->CheckOpened(Path("root/p"), Path("outside")), IsDenied());
  EXPECT_THAT(source->CheckOpened(Path("root/p"), Path("outside/b/c/secret")),
              IsDenied());
}

TEST_F(DirectorySourceTest, ANamedFolderStaysReadableWhenALinkToItIsChanged) {
  fs::create_directory_symlink(Path("outside/b"), Path("alias"));
  const auto source = Make({.named_at_start = {Path("outside/b")}});
  ASSERT_THAT(source->Resolve(Path("alias")), IsOkAndHolds(Path("outside/b")));
  fs::remove(Path("alias"));
  EXPECT_OK(source->CheckOpened(Path("alias"), Path("outside/b")));
  EXPECT_OK(source->CheckOpened(Path("alias"), Path("outside/b/weights")));
}

TEST_F(DirectorySourceTest, ANamedFolderUnderAnotherNameMayHoldLinks) {
  std::ofstream(dir_ / "blob") << "w";
  fs::create_symlink("../../blob", Path("outside/b/weights"));
  fs::create_directory_symlink("outside", Path("alias"));
  const auto source = Make({.named_at_start = {Path("outside/b")}});
  EXPECT_THAT(source->Resolve(Path("alias/b")),
              IsOkAndHolds(Path("outside/b")));
  EXPECT_OK(source->CheckOpened(Path("alias/b"), Path("outside/b")));
  EXPECT_OK(source->CheckOpened(Path("alias/b"), Path("outside/b/config")));
  EXPECT_OK(source->CheckOpened(Path("alias/b"), Path("blob")));
  EXPECT_THAT(source->CheckOpened(Path("alias/b"), Path("outside/secret")),
              IsDenied());
}

TEST_F(DirectorySourceTest, ANamedPathThatCannotBeFollowedIsNotCalledMissing) {
  fs::create_directory_symlink("loop", Path("loop"));
  const auto source = Make({.named_at_start = {Path("loop")}});
  EXPECT_THAT(source->Resolve(Path("loop")), IsDenied());
}

}  // namespace
}  // namespace lora
