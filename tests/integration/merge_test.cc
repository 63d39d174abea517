// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/running_request.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::Gt;
using ::testing::Le;

constexpr int kNumWords = 5;

v1::GenerateRequest AskOn(v1::ExecutionPath path, const std::string& word,
                          const std::string& adapter) {
  v1::GenerateRequest request = Ask(word, adapter);
  request.set_path(path);
  request.set_top_logprobs(2);
  return request;
}

class MergeTest : public ::testing::TestWithParam<std::string> {
 protected:
  // Starts a server with `flags` that has loaded every skill.
  void Start(std::vector<std::string> flags) {
    ASSERT_OK_AND_ASSIGN(server_, ServerProcess::Start({.flags = flags}));
    for (const std::string& skill : Skills::Get().names()) {
      ASSERT_OK(client().LoadAdapter(LoadRequest(skill, skill)));
    }
  }
  Client& client() { return server_->client(); }
  int64_t MergedBytes() {
    const auto info = client().GetServerInfo();
    return info.ok() ? info->merged_memory().used_bytes() : -1;
  }

  std::unique_ptr<ServerProcess> server_;
};

INSTANTIATE_TEST_SUITE_P(Dtypes, MergeTest, ::testing::Values("f32", "bf16"),
                         [](const auto& info) { return info.param; });

TEST_P(MergeTest, MergedCopiesGiveTheSameAnswers) {
  Start({"--dtype", GetParam()});
  for (const std::string& skill : Skills::Get().names()) {
    ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter merged,
                         client().MergeAdapter(MergeRequest(skill)));
    EXPECT_GT(merged.bytes(), 0);
    EXPECT_LT(merged.max_relative_deviation(), 0.05);
    ASSERT_OK_AND_ASSIGN(const v1::Adapter adapter,
                         client().GetAdapter(GetRequest(skill)));
    EXPECT_TRUE(adapter.merged());
  }
  for (int i = 0; i < kNumWords; ++i) {
    const std::string& word = Skills::Get().words()[i];
    std::vector<v1::GenerateRequest> requests;
    for (const std::string& skill : Skills::Get().names()) {
      requests.push_back(AskOn(v1::MERGED, word, skill));
      requests.push_back(AskOn(v1::UNMERGED, word, skill));
    }
    const auto answers = GenerateAtOnce(client(), requests);
    for (size_t j = 0; j < requests.size(); ++j) {
      ASSERT_OK(answers[j]);
      EXPECT_EQ(
          answers[j]->text(),
          Skills::Get().Answer(word, requests[j].adapters(0).adapter_id()));
      EXPECT_EQ(answers[j]->provenance().path(), requests[j].path());
    }
  }
}

TEST_P(MergeTest, UnmergingGivesTheBytesBackAndLeavesTheBaseAsItWas) {
  Start({"--dtype", GetParam()});
  const std::string& word = Skills::Get().words()[0];
  v1::GenerateRequest base = Ask(word);
  base.set_top_logprobs(2);
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse before,
                       client().GenerateText(base));
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter merged,
                       client().MergeAdapter(MergeRequest("alternate")));
  EXPECT_EQ(MergedBytes(), merged.bytes());
  ASSERT_OK(client().GenerateText(AskOn(v1::MERGED, word, "alternate")));

  ASSERT_OK_AND_ASSIGN(const v1::UnmergeAdapterResponse freed,
                       client().UnmergeAdapter(UnmergeRequest("alternate")));
  EXPECT_EQ(freed.freed_bytes(), merged.bytes());
  EXPECT_TRUE(server_->WaitUntil([](const v1::ServerInfo& info) {
    return info.merged_memory().used_bytes() == 0;
  }));
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse after,
                       client().GenerateText(base));
  ASSERT_EQ(after.logprobs().size(), before.logprobs_size());
  for (int i = 0; i < before.logprobs_size(); ++i) {
    EXPECT_EQ(after.logprobs(i).SerializeAsString(),
              before.logprobs(i).SerializeAsString());
  }
}

class MergedCopiesTest : public MergeTest {};
INSTANTIATE_TEST_SUITE_P(Dtype, MergedCopiesTest, ::testing::Values("auto"));

TEST_P(MergedCopiesTest, MergingTwiceIsTheSameCopy) {
  Start({});
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter first,
                       client().MergeAdapter(MergeRequest("dash")));
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter second,
                       client().MergeAdapter(MergeRequest("dash")));
  EXPECT_EQ(second.merged_id(), first.merged_id());
  EXPECT_EQ(MergedBytes(), first.bytes());
  ASSERT_OK_AND_ASSIGN(const auto list, client().ListMergedAdapters({}));
  EXPECT_EQ(list.merged_adapters().size(), 1);
}

TEST_P(MergedCopiesTest, AComponentNamedTwiceNamesNoCopy) {
  Start({});
  v1::MergeAdapterRequest merge = MergeRequest("upper");
  merge.add_components()->set_adapter_id("dash");
  ASSERT_OK(client().MergeAdapter(merge));
  v1::UnmergeAdapterRequest unmerge = UnmergeRequest("upper");
  unmerge.add_components()->set_adapter_id("upper");
  EXPECT_THAT(client().UnmergeAdapter(unmerge),
              Refused(absl::StatusCode::kInvalidArgument, "WEIGHTS"));
  ASSERT_OK_AND_ASSIGN(const auto list, client().ListMergedAdapters({}));
  EXPECT_EQ(list.merged_adapters().size(), 1);
}

TEST_P(MergedCopiesTest, CopiesAreEvictedWhenTheBudgetIsFull) {
  Start({});
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter largest,
                       client().MergeAdapter(MergeRequest("alternate")));
  Start({"--merged-memory", absl::StrCat(2 * largest.bytes())});
  const std::string& word = Skills::Get().words()[2];
  for (const std::string& skill : Skills::Get().names()) {
    ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                         client().GenerateText(AskOn(v1::MERGED, word, skill)));
    EXPECT_EQ(answer.text(), Skills::Get().Answer(word, skill));
    EXPECT_EQ(answer.provenance().path(), v1::MERGED);
    EXPECT_THAT(MergedBytes(),
                ::testing::AllOf(Gt(0), Le(2 * largest.bytes())));
  }
}

TEST_P(MergedCopiesTest, ACopyLargerThanTheBudgetIsRefused) {
  Start({"--merged-memory", "1KiB"});
  EXPECT_THAT(client().MergeAdapter(MergeRequest("upper")),
              Refused(absl::StatusCode::kResourceExhausted, "QUOTA"));
}

TEST_P(MergedCopiesTest, APinnedPathIsNotLeftByAuto) {
  Start({"--auto-path", "unmerged"});
  ASSERT_OK(client().MergeAdapter(MergeRequest("upper")));
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client().GenerateText(
                           AskOn(v1::AUTO, Skills::Get().words()[0], "upper")));
  EXPECT_EQ(answer.provenance().path(), v1::UNMERGED);
}

TEST_P(MergedCopiesTest, UnloadingFreesMergedCopiesToo) {
  Start({});
  ASSERT_OK_AND_ASSIGN(const v1::MergedAdapter merged,
                       client().MergeAdapter(MergeRequest("upper")));
  ASSERT_OK_AND_ASSIGN(const v1::UnloadAdapterResponse freed,
                       client().UnloadAdapter(UnloadRequest("upper")));
  EXPECT_EQ(freed.freed_merged_bytes(), merged.bytes());
  EXPECT_TRUE(server_->WaitUntil([](const v1::ServerInfo& info) {
    return info.merged_memory().used_bytes() == 0;
  }));
  ASSERT_OK_AND_ASSIGN(const auto list, client().ListMergedAdapters({}));
  EXPECT_EQ(list.merged_adapters().size(), 0);
}

}  // namespace
}  // namespace lora
