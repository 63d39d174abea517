// SPDX-License-Identifier: Apache-2.0
#include "server/named_adapters.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class NamedAdaptersTest : public ::testing::Test {
 protected:
  std::string Folder(const std::string& name) {
    fs::create_directories(dir_ / name);
    return dir_ / name;
  }
  void AddAdapter(const std::string& name) {
    folder_.Write(name + "/adapter_config.json", "{}");
  }

  const TemporaryFolder folder_;
  const fs::path& dir_ = folder_.path();
};

TEST_F(NamedAdaptersTest, NamedOnesComeFirstThenThoseOfFoldersById) {
  AddAdapter("all/c");
  AddAdapter("all/b");
  Folder("all/no-adapter");
  folder_.Write("all/README.md", "a file");
  const std::string all = dir_ / "all";
  ASSERT_OK_AND_ASSIGN(
      const std::vector<NamedAdapter> adapters,
      AdaptersNamedAtStart(
          {.adapters = {{"z", "/z"}, {"a", "/a"}}, .adapter_dirs = {all}}));
  ASSERT_EQ(adapters.size(), 4);
  EXPECT_EQ(adapters[0].id, AdapterId("z"));
  EXPECT_EQ(adapters[0].source, "/z");
  EXPECT_EQ(adapters[0].flag, "--adapter z");
  EXPECT_EQ(adapters[1].id, AdapterId("a"));
  EXPECT_EQ(adapters[2].id, AdapterId("b"));
  EXPECT_EQ(adapters[2].source, all + "/b");
  EXPECT_EQ(adapters[2].flag, "--adapter-dir " + all);
  EXPECT_EQ(adapters[3].id, AdapterId("c"));
}

TEST_F(NamedAdaptersTest, AFolderThatIsGoneIsRefusedByItsFlag) {
  EXPECT_THAT(
      AdaptersNamedAtStart({.adapter_dirs = {dir_ / "gone"}}),
      AllOf(StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kPath),
            MessageIs(AllOf(HasSubstr("--adapter-dir"), HasSubstr("gone")))));
}

TEST_F(NamedAdaptersTest, AFolderThatCannotBeLookedIntoIsRefusedByItsFlag) {
  AddAdapter("all/a");
  fs::create_symlink("loop", dir_ / "all/loop");
  EXPECT_THAT(
      AdaptersNamedAtStart({.adapter_dirs = {dir_ / "all"}}),
      AllOf(
          StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kPath),
          MessageIs(AllOf(HasSubstr("--adapter-dir"), HasSubstr("all/loop")))));
}

TEST_F(NamedAdaptersTest, OneIdForTwoIsRefused) {
  AddAdapter("x/a");
  AddAdapter("y/a");
  const std::string x = dir_ / "x";
  const std::string y = dir_ / "y";
  for (const Config& config :
       {Config{.adapters = {{"a", "/1"}, {"b", "/2"}, {"a", "/3"}}},
        Config{.adapters = {{"a", "/1"}}, .adapter_dirs = {x}},
        Config{.adapter_dirs = {x, y}}}) {
    EXPECT_THAT(
        AdaptersNamedAtStart(config),
        AllOf(StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam),
              MessageIs(HasSubstr("adapter 'a' is named twice"))));
  }
}

}  // namespace
}  // namespace lora
