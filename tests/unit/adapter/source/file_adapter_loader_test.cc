// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/source/file_adapter_loader.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
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

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

namespace fs = std::filesystem;

// A source whose files are replaced right after they were found.
class ChangingSource final : public AdapterSource {
 public:
  ChangingSource(std::unique_ptr<AdapterSource> source,
                 std::function<void()> change)
      : source_(std::move(source)), change_(std::move(change)) {}

  absl::StatusOr<std::string> Resolve(const std::string& source) override {
    absl::StatusOr<std::string> path = source_->Resolve(source);
    change_();
    return path;
  }
  absl::Status CheckOpened(const std::string& source,
                           const std::string& real_path) const override {
    return source_->CheckOpened(source, real_path);
  }

 private:
  const std::unique_ptr<AdapterSource> source_;
  const std::function<void()> change_;
};

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
  ASSERT_OK_AND_ASSIGN(const auto adapter, loader.Read(AdapterId("a"), "a", {},
                                                       kNoLimit, progress));
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
      loader.Read(AdapterId("a"), outside, {}, kNoLimit, progress),
      StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath));
}

TEST_F(FileAdapterLoaderTest, WhatIsReplacedByALinkOutOfTheRootsIsRefused) {
  for (const std::string& name :
       {std::string("a"), std::string("a/adapter_config.json"),
        std::string("a/adapter_model.safetensors")}) {
    const fs::path path = fs::path(root_.path()) / name;
    const fs::path there = fs::path(outside_.path()) / ("b" + name.substr(1));
    auto source = DirectorySource::Create({.roots = {root_.path()}});
    ASSERT_OK(source);
    bool changed = false;
    FileAdapterLoader loader(std::make_unique<ChangingSource>(
                                 *std::move(source),
                                 [&] {
                                   if (std::exchange(changed, true)) return;
                                   fs::rename(path, root_.path() + "/aside");
                                   fs::create_symlink(there, path);
                                 }),
                             TinyLlama(), {});
    LoadProgress progress;
    EXPECT_THAT(
        loader.Read(AdapterId("a"), "a", {}, kNoLimit, progress),
        StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath))
        << name;
    if (name != "a/adapter_config.json") {  // That one is not measured.
      EXPECT_THAT(
          loader.Measure("a"),
          StatusIs(absl::StatusCode::kPermissionDenied, ErrorReason::kPath))
          << name;
    }
    fs::remove(path);
    fs::rename(root_.path() + "/aside", path);
  }
}

TEST_F(FileAdapterLoaderTest, ErrorsOfTheSourceNameTheAdapter) {
  FileAdapterLoader loader = MakeLoader();
  LoadProgress progress;
  EXPECT_THAT(loader.Read(AdapterId("sql"), "none", {}, kNoLimit, progress),
              MessageIs(::testing::HasSubstr("\"sql\"")));
}

TEST_F(FileAdapterLoaderTest, ErrorsAboutWhatHasNoIdNameItsSource) {
  FileAdapterLoader loader = MakeLoader();
  for (const std::string source : {"none", "empty"}) {
    LoadProgress progress;
    EXPECT_THAT(loader.Read(AdapterId("(new)"), source, {}, kNoLimit, progress),
                MessageIs(::testing::StartsWith("the adapter in \"" + source +
                                                "\": ")));
  }
}

TEST_F(FileAdapterLoaderTest, AFolderWithoutAnAdapterIsNotFound) {
  FileAdapterLoader loader = MakeLoader();
  EXPECT_THAT(
      loader.Measure("empty"),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
}

TEST_F(FileAdapterLoaderTest, AFileThatGrewIsRefusedBeforeItIsRead) {
  FileAdapterLoader loader = MakeLoader();
  ASSERT_OK_AND_ASSIGN(const int64_t measured, loader.Measure("a"));
  root_.Write("a/adapter_model.safetensors", std::string(1 << 20, '?'));
  LoadProgress progress;
  // Had a byte of it been read, it would be no safetensors file.
  const auto adapter = loader.Read(AdapterId("a"), "a", {}, measured, progress);
  EXPECT_THAT(adapter, StatusIs(absl::StatusCode::kUnavailable,
                                ErrorReason::kSourceUnreachable));
  EXPECT_THAT(
      adapter,
      MessageIs(::testing::HasSubstr("grew from " + std::to_string(measured))));
}

TEST_F(FileAdapterLoaderTest, AFileThatIsAsItWasMeasuredIsRead) {
  FileAdapterLoader loader = MakeLoader();
  ASSERT_OK_AND_ASSIGN(const int64_t measured, loader.Measure("a"));
  LoadProgress progress;
  EXPECT_OK(loader.Read(AdapterId("a"), "a", {}, measured, progress));
}

TEST_F(FileAdapterLoaderTest, ProgressIsHeardAndACancelStopsTheRead) {
  FileAdapterLoader loader = MakeLoader();
  std::vector<double> heard;
  LoadProgress progress([&](double fraction) { heard.push_back(fraction); });
  ASSERT_OK(loader.Read(AdapterId("a"), "a", {}, kNoLimit, progress));
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), 1.0);
  progress.Cancel();
  EXPECT_THAT(loader.Read(AdapterId("a"), "a", {}, kNoLimit, progress),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace lora
