// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_manifest.h"

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/adapter/adapter_manager.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class AdapterManifestTest : public ::testing::Test {
 protected:
  AdapterManifestTest() { fs::create_directories(dir_); }
  ~AdapterManifestTest() override { fs::remove_all(dir_); }

  void Write(const std::string& text) {
    std::ofstream(dir_ / "adapters.json") << text;
  }
  AdapterManagerOptions Options() {
    AdapterManagerOptions options = TestPlane::DefaultOptions();
    options.state_dir = dir_;
    return options;
  }

  const fs::path dir_ =
      fs::path(::testing::TempDir()) /
      (std::string("manifest_test_") +
       ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(AdapterManifestTest, WhatWasSavedIsLoaded) {
  const DeclaredAdapter full{
      .id = AdapterId("a"),
      .source = "/adapters/a \"é\"",
      .digest = "d1",
      .options = {.alpha = 0.5, .strict_base = true, .skip_untargeted = true},
      .pinned = true,
      .warm_tier = WarmTier::kHost,
      .labels = {{"k", "v"}, {"", ""}}};
  const DeclaredAdapter plain{.id = AdapterId("b"), .source = "s"};
  ASSERT_OK(AdapterManifest(dir_).Save({full, plain}, 1));
  ASSERT_OK_AND_ASSIGN(const std::vector<DeclaredAdapter> loaded,
                       AdapterManifest(dir_).Load());
  ASSERT_EQ(loaded.size(), 2);
  EXPECT_EQ(loaded[0].id, full.id);
  EXPECT_EQ(loaded[0].source, full.source);
  EXPECT_EQ(loaded[0].digest, "d1");
  EXPECT_EQ(loaded[0].options.alpha, 0.5);
  EXPECT_TRUE(loaded[0].options.strict_base);
  EXPECT_TRUE(loaded[0].options.skip_untargeted);
  EXPECT_TRUE(loaded[0].pinned);
  EXPECT_EQ(loaded[0].warm_tier, WarmTier::kHost);
  EXPECT_EQ(loaded[0].labels, full.labels);
  EXPECT_EQ(loaded[1].options.alpha, std::nullopt);
  EXPECT_EQ(loaded[1].warm_tier, WarmTier::kDisk);
}

TEST_F(AdapterManifestTest, NoFileIsNoAdapters) {
  ASSERT_OK_AND_ASSIGN(const auto loaded, AdapterManifest(dir_).Load());
  EXPECT_TRUE(loaded.empty());
}

TEST_F(AdapterManifestTest, WithoutAFolderNothingIsKept) {
  AdapterManifest manifest("");
  EXPECT_OK(manifest.Save({{.id = AdapterId("a")}}, 1));
  ASSERT_OK_AND_ASSIGN(const auto loaded, manifest.Load());
  EXPECT_TRUE(loaded.empty());
}

TEST_F(AdapterManifestTest, WhatCannotBeReadBackIsNotSaved) {
  AdapterManifest manifest(dir_);
  ASSERT_OK(manifest.Save({{.id = AdapterId("a")}}, 1));
  const DeclaredAdapter long_one{.id = AdapterId("b"),
                                 .source = std::string(64 << 20, 'x')};
  EXPECT_THAT(
      manifest.Save({long_one}, 2),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  for (const double alpha : {std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    const absl::Status saved =
        manifest.Save({{.id = AdapterId("b"), .options = {.alpha = alpha}}}, 3);
    EXPECT_THAT(saved, StatusIs(absl::StatusCode::kInvalidArgument,
                                ErrorReason::kAlpha));
    EXPECT_THAT(saved, MessageIs(HasSubstr("\"b\"")));
  }
  ASSERT_OK_AND_ASSIGN(const auto loaded, manifest.Load());
  ASSERT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded[0].id, AdapterId("a"));
  EXPECT_OK(manifest.Save({}, 2));  // What failed took no turn.
}

TEST_F(AdapterManifestTest, AnOlderListDoesNotReplaceANewerOne) {
  AdapterManifest manifest(dir_);
  ASSERT_OK(manifest.Save({}, 2));
  ASSERT_OK(manifest.Save({{.id = AdapterId("a")}}, 1));
  ASSERT_OK_AND_ASSIGN(const auto loaded, manifest.Load());
  EXPECT_TRUE(loaded.empty());
}

TEST_F(AdapterManifestTest, ABrokenFileIsAClearError) {
  const std::string entry =
      R"("source": "s", "digest": "", "pinned": false, "warm_tier": "DISK",
         "strict_base": false, "skip_untargeted": false, "labels": {})";
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string("{}"),
        std::string(R"({"version": 2, "adapters": []})"),
        std::string(R"({"version": 1})"),
        std::string(R"({"version": 1, "adapters": [1]})"),
        R"({"version": 1, "adapters": [{"id": "../a", )" + entry + "}]}",
        R"({"version": 1, "adapters": [{"id": "a"}]})" + std::string()}) {
    Write(text);
    const absl::Status status = AdapterManifest(dir_).Load().status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition))
        << text;
    EXPECT_THAT(status, MessageIs(HasSubstr("adapters.json"))) << text;
    EXPECT_THAT(status, MessageIs(HasSubstr("repair it, or remove it")))
        << text;
  }
}

TEST_F(AdapterManifestTest, AManagerRefusesToStartOnABrokenFile) {
  Write("{");
  EXPECT_THAT(TestPlane(Options()).create_status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(AdapterManifestTest, TwoServersDoNotShareAFolder) {
  {
    AdapterManifest first(dir_);
    ASSERT_OK(first.Open().status());
    EXPECT_THAT(
        AdapterManifest(dir_).Open().status(),
        StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kPath));
  }
  EXPECT_OK(AdapterManifest(dir_).Open().status());
}

TEST_F(AdapterManifestTest, AStateFolderThatIsNotThereIsMade) {
  AdapterManagerOptions options = Options();
  options.state_dir = dir_ / "a/b";
  {
    TestPlane plane(options);
    ASSERT_OK(plane.create_status());
    EXPECT_TRUE(fs::exists(dir_ / "a/b/adapters.json"));
    ASSERT_OK(plane.LoadContent("x", "v1"));
  }
  TestPlane plane(options);
  EXPECT_OK(plane.manager().Get(AdapterId("x")));
}

TEST_F(AdapterManifestTest, AManagerRefusesToStartWhereNothingCanBeKept) {
  std::ofstream(dir_ / "file") << "not a folder";
  for (const fs::path& state_dir :
       {dir_ / "file", dir_ / "file/below", fs::path("/proc/self")}) {
    AdapterManagerOptions options = Options();
    options.state_dir = state_dir;
    const absl::Status status = TestPlane(options).create_status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 ErrorReason::kPath));
    EXPECT_THAT(status, MessageIs(HasSubstr(state_dir.string())));
  }
}

TEST_F(AdapterManifestTest, ARestartRestoresWhatWasLoadedAndDeclared) {
  {
    TestPlane plane(Options());
    plane.loader().Put("gone", {.content = "g"});
    plane.loader().Put("dir", {.content = "d"});
    ASSERT_OK(plane.manager().Register(
        {.id = AdapterId("declared"), .source = "dir"}));
    ASSERT_OK(plane.LoadContent("a", "v1"));
    ASSERT_OK(plane.Update(
        {.id = AdapterId("a"), .pinned = true, .labels = {{{"team", "x"}}}}));
    ASSERT_OK(plane.LoadContent("gone", "g"));
    ASSERT_OK(plane.Unload({.id = AdapterId("gone")}));
  }
  TestPlane plane(Options());
  plane.loader().Put("a", {.content = "v1"});
  plane.loader().Put("dir", {.content = "d"});
  ASSERT_OK_AND_ASSIGN(const AdapterPage page, plane.manager().List("", 0, ""));
  ASSERT_EQ(page.adapters.size(), 2);
  const AdapterInfo& a = page.adapters[0];
  EXPECT_EQ(a.id, AdapterId("a"));
  EXPECT_EQ(a.source, "a");
  EXPECT_EQ(a.digest, FakeAdapterLoader::DigestOf("v1"));
  EXPECT_TRUE(a.pinned);
  EXPECT_EQ(a.labels.at("team"), "x");
  EXPECT_EQ(page.adapters[1].id, AdapterId("declared"));
  EXPECT_OK(plane.Lease({"declared"}));
}

TEST_F(AdapterManifestTest, FilesThatChangedOverARestartAreDataLoss) {
  {
    TestPlane plane(Options());
    ASSERT_OK(plane.LoadContent("a", "v1"));
  }
  TestPlane plane(Options());
  plane.loader().Put("a", {.content = "v2"});
  EXPECT_THAT(plane.Lease({"a"}), StatusIs(absl::StatusCode::kDataLoss,
                                           ErrorReason::kDigestMismatch));
  // An operator who wants them says so.
  EXPECT_OK(plane.LoadContent("a", "v2"));
  EXPECT_OK(plane.Lease({"a"}));
}

TEST_F(AdapterManifestTest, FilesDamagedOverARestartAreDataLoss) {
  {
    TestPlane plane(Options());
    ASSERT_OK(plane.LoadContent("a", "v1"));
    ASSERT_OK(plane.LoadContent("b", "v1"));
  }
  TestPlane plane(Options());
  plane.loader().Put(
      "a", {.content = "v1",
            .status = Error(absl::StatusCode::kInvalidArgument,
                            ErrorReason::kStLength, "is 7 bytes short")});
  EXPECT_THAT(plane.Lease({"a"}),
              StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kStLength));
  EXPECT_THAT(
      plane.Lease({"b"}),  // Gone.
      StatusIs(absl::StatusCode::kDataLoss, ErrorReason::kAdapterFilesMissing));
  // Files that are loaded anew are judged as they are.
  EXPECT_THAT(
      plane.Load({.id = AdapterId("a"), .source = "a", .replace = true}),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kStLength));
}

TEST_F(AdapterManifestTest, FilesAreTakenAsTheyAreWhenNamedAtStart) {
  {
    TestPlane plane(Options());
    ASSERT_OK(plane.LoadContent("a", "v1"));
    ASSERT_OK(plane.Update({.id = AdapterId("a"),
                            .pinned = true,
                            .warm_tier = WarmTier::kHost,
                            .labels = {{{"team", "x"}}}}));
  }
  TestPlane plane(Options());
  plane.loader().Put("a", {.content = "v2"});
  ASSERT_OK(plane.manager().Register({.id = AdapterId("a"), .source = "a"}));
  ASSERT_OK_AND_ASSIGN(const auto leases, plane.Lease({"a"}));
  EXPECT_EQ(leases[0].key().digest, FakeAdapterLoader::DigestOf("v2"));
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info,
                       plane.manager().Get(AdapterId("a")));
  EXPECT_TRUE(info.pinned);  // What was set at run time stays.
  EXPECT_EQ(info.warm_tier, WarmTier::kHost);
  EXPECT_EQ(info.labels.at("team"), "x");
}

TEST_F(AdapterManifestTest, APinnedAdapterCanBeNamedAnewAtStart) {
  {
    TestPlane plane(Options());
    ASSERT_OK(plane.LoadContent("a", "v1"));
    ASSERT_OK(plane.Update({.id = AdapterId("a"), .pinned = true}));
  }
  TestPlane plane(Options());
  plane.loader().Put("a", {.content = "v1"});
  plane.loader().Put("other", {.content = "v2"});
  ASSERT_OK(
      plane.manager().Register({.id = AdapterId("a"), .source = "other"}));
  plane.manager().LoadPinned();
  ASSERT_OK_AND_ASSIGN(const auto leases, plane.Lease({"a"}));
  EXPECT_EQ(leases[0].key().digest, FakeAdapterLoader::DigestOf("v2"));
}

TEST_F(AdapterManifestTest, WhatWasPinnedIsLoadedAfterARestart) {
  {
    TestPlane plane(Options());
    ASSERT_OK(plane.LoadContent("a", "v1"));
    ASSERT_OK(plane.Update({.id = AdapterId("a"), .pinned = true}));
  }
  TestPlane plane(Options());
  plane.loader().Put("a", {.content = "v1"});
  plane.manager().LoadPinned();
  plane.sync().AwaitArrivals("Upload:a", 1);
}

TEST_F(AdapterManifestTest, AnAnswerComesWhenItIsDurable) {
  TestPlane plane(Options());
  ASSERT_OK(plane.LoadContent("a", "v1"));
  ASSERT_OK_AND_ASSIGN(auto loaded, AdapterManifest(dir_).Load());
  ASSERT_EQ(loaded.size(), 1);
  ASSERT_OK(plane.Update({.id = AdapterId("a"), .pinned = true}));
  ASSERT_OK_AND_ASSIGN(loaded, AdapterManifest(dir_).Load());
  EXPECT_TRUE(loaded[0].pinned);
  ASSERT_OK(plane.Unload({.id = AdapterId("a")}));
  ASSERT_OK_AND_ASSIGN(loaded, AdapterManifest(dir_).Load());
  EXPECT_TRUE(loaded.empty());
}

TEST_F(AdapterManifestTest, ManyChangesCostOneWrite) {
  TestPlane plane(Options());
  plane.sync().Hold("AdapterManager::WriteManifests");
  plane.loader().Put("dir", {.content = "v1"});
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    ASSERT_OK(plane.manager().Register({.id = AdapterId(id), .source = "dir"}));
    // The first write is under way when the others come.
    plane.sync().AwaitArrivals("AdapterManager::WriteManifests", 1);
  }
  CallbackResult<absl::StatusOr<AdapterInfo>> updated;
  plane.manager().Update({.id = AdapterId("a"), .labels = {{{"k", "v"}}}},
                         updated.Callback());
  plane.sync().Release("AdapterManager::WriteManifests");
  ASSERT_OK(updated.Await());
  EXPECT_EQ(plane.sync().Arrivals("AdapterManager::WriteManifests"), 2);
  ASSERT_OK_AND_ASSIGN(const auto loaded, AdapterManifest(dir_).Load());
  EXPECT_EQ(loaded.size(), 5);
}

TEST_F(AdapterManifestTest, WhatIsNamedAtStartOverridesTheManifest) {
  {
    TestPlane plane(Options());
    ASSERT_OK(plane.LoadContent("a", "v1"));
  }
  TestPlane plane(Options());
  plane.loader().Put("other", {.content = "v2"});
  ASSERT_OK(
      plane.manager().Register({.id = AdapterId("a"), .source = "other"}));
  ASSERT_OK_AND_ASSIGN(const auto leases, plane.Lease({"a"}));
  EXPECT_EQ(leases[0].key().digest, FakeAdapterLoader::DigestOf("v2"));
}

}  // namespace
}  // namespace lora
