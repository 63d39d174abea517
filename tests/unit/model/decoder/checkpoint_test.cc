// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/checkpoint.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/model/model_folder.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kBroken = absl::StatusCode::kFailedPrecondition;

class CheckpointTest : public testing::Test {
 protected:
  void WriteIndex(absl::string_view weight_map) {
    folder_.Write("model.safetensors.index.json",
                  absl::StrCat(R"({"metadata": {"total_size": 1},
                                   "weight_map": )",
                               weight_map, "}"));
  }

  ModelFolder folder_;
};

TEST_F(CheckpointTest, ASingleFileHoldsItsTensors) {
  folder_.WriteTensors("model.safetensors", {{"a", {2, 3}}, {"b", {4}}});
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint,
                       Checkpoint::Open(folder_.path()));
  EXPECT_THAT(checkpoint.TensorNames(), ElementsAre("a", "b"));
  ASSERT_TRUE(checkpoint.Find("a").has_value());
  EXPECT_THAT(checkpoint.Find("a")->info->shape, ElementsAre(2, 3));
  EXPECT_EQ(checkpoint.Find("a")->bytes.size(), 24u);
  EXPECT_FALSE(checkpoint.Find("c").has_value());
}

TEST_F(CheckpointTest, ShardsHoldWhatTheIndexMaps) {
  folder_.WriteTensors("one.safetensors", {{"a", {2}}, {"unmapped", {1}}});
  folder_.WriteTensors("two.safetensors", {{"b", {3}}, {"c", {4}}});
  WriteIndex(R"({"a": "one.safetensors", "b": "two.safetensors",
                 "c": "two.safetensors"})");
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint,
                       Checkpoint::Open(folder_.path()));
  EXPECT_THAT(checkpoint.TensorNames(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(checkpoint.Find("c")->bytes.size(), 16u);
}

TEST_F(CheckpointTest, ASingleFileWinsOverAnIndex) {
  folder_.WriteTensors("model.safetensors", {{"a", {2}}});
  WriteIndex(R"({"b": "missing.safetensors"})");
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint,
                       Checkpoint::Open(folder_.path()));
  EXPECT_THAT(checkpoint.TensorNames(), ElementsAre("a"));
}

TEST_F(CheckpointTest, AMovedCheckpointKeepsItsTensors) {
  folder_.WriteTensors("model.safetensors", {{"a", {2}}});
  ASSERT_OK_AND_ASSIGN(Checkpoint checkpoint, Checkpoint::Open(folder_.path()));
  const std::string before(checkpoint.Find("a")->bytes);
  const Checkpoint moved = std::move(checkpoint);
  EXPECT_EQ(moved.Find("a")->bytes, before);
}

TEST_F(CheckpointTest, NoWeightsAreRefused) {
  folder_.Write("pytorch_model.bin", "PK");
  EXPECT_THAT(Checkpoint::Open(folder_.path()),
              AllOf(StatusIs(kBroken, ErrorReason::kBase),
                    MessageIs(HasSubstr("converted to safetensors"))));
}

TEST_F(CheckpointTest, AMissingShardIsNamed) {
  folder_.WriteTensors("one.safetensors", {{"a", {2}}});
  WriteIndex(R"({"a": "one.safetensors", "b": "two.safetensors"})");
  EXPECT_THAT(Checkpoint::Open(folder_.path()),
              AllOf(StatusIs(kBroken, ErrorReason::kBase),
                    MessageIs(HasSubstr("two.safetensors"))));
}

TEST_F(CheckpointTest, ATensorThatIsNotInItsShardIsNamed) {
  folder_.WriteTensors("one.safetensors", {{"a", {2}}});
  WriteIndex(R"({"a": "one.safetensors", "lost": "one.safetensors"})");
  EXPECT_THAT(Checkpoint::Open(folder_.path()),
              AllOf(StatusIs(kBroken, ErrorReason::kBase),
                    MessageIs(HasSubstr("\"lost\""))));
}

TEST_F(CheckpointTest, AnIndexMustNotNamePaths) {
  folder_.WriteTensors("one.safetensors", {{"a", {2}}});
  for (const char* name : {"../one.safetensors", "sub/one.safetensors",
                           "/etc/passwd", "..", ".", "", "a\\b", "a\\u0000b"}) {
    WriteIndex(absl::StrCat(R"({"a": ")", name, "\"}"));
    EXPECT_THAT(Checkpoint::Open(folder_.path()),
                StatusIs(kBroken, ErrorReason::kBase))
        << name;
  }
}

TEST_F(CheckpointTest, AMalformedIndexIsRefused) {
  for (const char* text :
       {"", "[]", "{", R"({"weight_map": []})", R"({"weight_map": {}})",
        R"({"weight_map": {"a": 3}})", R"({"other": {}})"}) {
    folder_.Write("model.safetensors.index.json", text);
    EXPECT_THAT(Checkpoint::Open(folder_.path()),
                StatusIs(kBroken, ErrorReason::kBase))
        << text;
  }
}

TEST_F(CheckpointTest, AMalformedFileIsNamed) {
  folder_.Write("model.safetensors", "version https://git-lfs");
  EXPECT_THAT(Checkpoint::Open(folder_.path()),
              AllOf(StatusIs(kBroken, ErrorReason::kBase),
                    MessageIs(HasSubstr("model.safetensors"))));
}

TEST_F(CheckpointTest, TheDigestTellsContentsAndNamesApart) {
  const auto digest = [](const std::vector<FileTensor>& tensors) {
    const ModelFolder folder;
    folder.WriteTensors("model.safetensors", tensors);
    return Checkpoint::Open(folder.path())->Digest();
  };
  EXPECT_EQ(digest({{"a", {4}}}), digest({{"a", {4}}}));
  EXPECT_NE(digest({{"a", {4}}}), digest({{"b", {4}}}));
  EXPECT_NE(digest({{"a", {4}}}), digest({{"a", {2, 2}}}));
}

TEST_F(CheckpointTest, TheDigestSeesTheDataOfOneArchitecture) {
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}} )";
  std::string length(8, 0);
  length[0] = static_cast<char>(header.size());
  folder_.Write("model.safetensors", absl::StrCat(length, header, "abcd"));
  ASSERT_OK_AND_ASSIGN(const Checkpoint first,
                       Checkpoint::Open(folder_.path()));
  const std::string digest = first.Digest();
  folder_.Write("model.safetensors", absl::StrCat(length, header, "abce"));
  ASSERT_OK_AND_ASSIGN(const Checkpoint second,
                       Checkpoint::Open(folder_.path()));
  EXPECT_NE(second.Digest(), digest);
}

}  // namespace
}  // namespace lora
