// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/workload.h"

#include <google/protobuf/util/message_differencer.h>

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora::loadgen {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Lt;

constexpr int kClient = 0;

Workload MakeWorkload(WorkloadOptions options,
                      const std::string& popularity = "distinct") {
  return Workload(std::move(options),
                  *AdapterPicker::Create(*ParsePopularity(popularity),
                                         {"a", "b"}, options.seed));
}

TEST(WorkloadTest, RequestsCarryTheOptions) {
  const v1::GenerateRequest request = MakeWorkload({.prompts = {"hello"},
                                                    .max_new_tokens = 5,
                                                    .ignore_eos = true,
                                                    .path = v1::UNMERGED})
                                          .Request(1, kClient);
  EXPECT_EQ(request.text(), "hello");
  ASSERT_EQ(request.adapters_size(), 1);
  EXPECT_EQ(request.adapters(0).adapter_id(), "b");
  EXPECT_EQ(request.max_new_tokens(), 5);
  EXPECT_TRUE(request.ignore_eos());
  EXPECT_EQ(request.path(), v1::UNMERGED);
}

TEST(WorkloadTest, TheBaseIsAskedWithoutAnAdapter) {
  EXPECT_EQ(MakeWorkload({.prompts = {"x"}}, "none")
                .Request(0, kClient)
                .adapters_size(),
            0);
}

TEST(WorkloadTest, SteadyAsksTheAdapterOfTheClient) {
  const Workload workload = MakeWorkload({.prompts = {"x"}}, "steady");
  EXPECT_EQ(workload.Request(4, 0).adapters(0).adapter_id(), "a");
  EXPECT_EQ(workload.Request(4, 1).adapters(0).adapter_id(), "b");
}

TEST(WorkloadTest, GivenPromptsAreTakenInTurn) {
  const Workload workload = MakeWorkload({.prompts = {"x", "y"}});
  EXPECT_EQ(workload.Request(2, kClient).text(), "x");
  EXPECT_EQ(workload.Request(3, kClient).text(), "y");
}

TEST(WorkloadTest, RandomPromptsHaveTheLengthAndStayInTheVocabulary) {
  const auto ids = MakeWorkload({.prompt_tokens = 500, .vocab_size = 10})
                       .Request(0, kClient)
                       .token_ids()
                       .ids();
  EXPECT_EQ(ids.size(), 500);
  EXPECT_THAT(ids, Each(AllOf(Ge(0), Lt(10))));
}

TEST(WorkloadTest, RandomPromptsDifferByRequestAndAreTheSameInEveryRun) {
  const WorkloadOptions options{.prompt_tokens = 20, .vocab_size = 1000};
  const v1::GenerateRequest first = MakeWorkload(options).Request(0, kClient);
  EXPECT_TRUE(MessageDifferencer::Equals(
      first, MakeWorkload(options).Request(0, /*client=*/3)));
  EXPECT_FALSE(MessageDifferencer::Equals(
      first.token_ids(),
      MakeWorkload(options).Request(1, kClient).token_ids()));
  WorkloadOptions other = options;
  other.seed = 2;
  EXPECT_FALSE(MessageDifferencer::Equals(
      first.token_ids(), MakeWorkload(other).Request(0, kClient).token_ids()));
}

// Or the prefix cache would answer parts of a later run.
TEST(WorkloadTest, RunsOfOtherSeedsShareNoPrompt) {
  std::set<std::string> prompts;
  for (const uint64_t seed : {0, 1, 2, 3}) {
    const Workload workload =
        MakeWorkload({.prompt_tokens = 20, .vocab_size = 1000, .seed = seed});
    for (int64_t index = 0; index < 4; ++index) {
      prompts.insert(
          workload.Request(index, kClient).token_ids().SerializeAsString());
    }
  }
  EXPECT_EQ(prompts.size(), 16u);
}

}  // namespace
}  // namespace lora::loadgen
