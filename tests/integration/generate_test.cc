// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstdint>
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

using ::testing::ElementsAreArray;

constexpr int kNumWords = 12;

void LoadAllSkills(Client& client) {
  for (const std::string& skill : Skills::Get().names()) {
    ASSERT_OK(client.LoadAdapter(LoadRequest(skill, skill)));
  }
}

// One request for every skill and one for the base, all about `word`.
std::vector<v1::GenerateRequest> AskEverybody(const std::string& word) {
  std::vector<v1::GenerateRequest> requests = {Ask(word)};
  for (const std::string& skill : Skills::Get().names()) {
    requests.push_back(Ask(word, skill));
  }
  return requests;
}

std::vector<std::string> RightAnswers(const std::string& word) {
  std::vector<std::string> answers = {Skills::Get().Answer(word, "")};
  for (const std::string& skill : Skills::Get().names()) {
    answers.push_back(Skills::Get().Answer(word, skill));
  }
  return answers;
}

// Of greedy requests; tokens and the bits of their log probabilities.
std::vector<uint32_t> Bits(const v1::GenerateResponse& answer) {
  std::vector<uint32_t> bits;
  for (const v1::TokenLogprobs& token : answer.logprobs()) {
    bits.push_back(static_cast<uint32_t>(token.token_id()));
    bits.push_back(std::bit_cast<uint32_t>(token.logprob()));
    for (const v1::TokenLogprob& top : token.top()) {
      bits.push_back(std::bit_cast<uint32_t>(top.logprob()));
    }
  }
  return bits;
}

std::unique_ptr<ServerProcess> StartWithAllSkills(
    std::vector<std::string> flags, int threads = 1) {
  auto server =
      ServerProcess::Start({.threads = threads, .flags = std::move(flags)});
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    return nullptr;
  }
  LoadAllSkills((*server)->client());
  return *std::move(server);
}

// For every type that the forward pass computes in.
class GenerateTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Dtypes, GenerateTest, ::testing::Values("f32", "bf16"),
                         [](const auto& info) { return info.param; });

TEST_P(GenerateTest, OneAdapterAnswersInItsOwnWay) {
  ASSERT_OK_AND_ASSIGN(
      const auto server,
      ServerProcess::Start({.flags = {"--dtype", GetParam()}}));
  Client& client = server->client();
  ASSERT_OK_AND_ASSIGN(const v1::Adapter adapter,
                       client.LoadAdapter(LoadRequest("caps", "upper")));
  EXPECT_EQ(adapter.state(), v1::ADAPTER_STATE_READY);
  ASSERT_OK_AND_ASSIGN(const v1::ServerInfo info, client.GetServerInfo());
  EXPECT_EQ(info.dtype(), GetParam());

  for (int i = 0; i < kNumWords; ++i) {
    const std::string& word = Skills::Get().words()[i];
    ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                         client.GenerateText(Ask(word, "caps")));
    EXPECT_EQ(answer.text(), Skills::Get().Answer(word, "upper"));
    EXPECT_EQ(answer.finish_reason(), v1::STOP);
    EXPECT_EQ(answer.usage().prompt_tokens(), word.size() + 1);
    ASSERT_EQ(answer.provenance().adapters().size(), 1);
    EXPECT_EQ(answer.provenance().adapters(0).adapter_id(), "caps");
    EXPECT_EQ(answer.provenance().adapters(0).digest(), adapter.digest());
  }
}

TEST_P(GenerateTest, TenAdaptersAndTheBaseAnswerAtOnce) {
  const auto server = StartWithAllSkills({"--dtype", GetParam()});
  ASSERT_NE(server, nullptr);
  for (int i = 0; i < kNumWords; ++i) {
    const std::string& word = Skills::Get().words()[i];
    const auto answers = GenerateAtOnce(server->client(), AskEverybody(word));
    std::vector<std::string> texts;
    for (const auto& answer : answers) {
      ASSERT_OK(answer);
      texts.push_back(answer->text());
    }
    EXPECT_THAT(texts, ElementsAreArray(RightAnswers(word)));
  }
}

TEST_P(GenerateTest, AnswersAreTheSameBitsAloneInABatchAndOnTwoThreads) {
  const auto one = StartWithAllSkills({"--dtype", GetParam()});
  const auto two = StartWithAllSkills(
      {"--dtype", GetParam(), "--max-prefill-tokens", "7"}, 2);
  ASSERT_NE(one, nullptr);
  ASSERT_NE(two, nullptr);
  for (const v1::ExecutionPath path : {v1::UNMERGED, v1::MERGED}) {
    std::vector<v1::GenerateRequest> requests =
        AskEverybody(Skills::Get().words()[0]);
    for (v1::GenerateRequest& request : requests) {
      request.set_path(path);
      request.set_top_logprobs(3);
    }
    std::vector<std::vector<uint32_t>> alone;
    for (const v1::GenerateRequest& request : requests) {
      ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                           one->client().GenerateText(request));
      alone.push_back(Bits(answer));
      EXPECT_FALSE(alone.back().empty());
    }
    for (ServerProcess* server : {one.get(), two.get()}) {
      const auto together = GenerateAtOnce(server->client(), requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        ASSERT_OK(together[i]);
        EXPECT_EQ(Bits(*together[i]), alone[i]) << requests[i].DebugString();
      }
    }
  }
}

// What needs no more than one server, in the type that it chooses itself.
class GenerateOptionsTest : public ::testing::Test {
 protected:
  void SetUp() override { server_ = StartWithAllSkills({}); }

  v1::GenerateResponse Generate(const v1::GenerateRequest& request) {
    const auto answer = server_->client().GenerateText(request);
    EXPECT_OK(answer);
    return answer.ok() ? *answer : v1::GenerateResponse();
  }
  std::string Answer(const std::string& skill) const {
    return Skills::Get().Answer(word_, skill);
  }

  const std::string word_ = Skills::Get().words()[1];
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(GenerateOptionsTest, StreamedTextAddsUpToTheWholeAnswer) {
  RunningRequest request(server_->client(), Ask(word_, "dash"));
  const EndedRequest ended = request.Wait();
  EXPECT_OK(ended.status);
  EXPECT_EQ(ended.text, Answer("dash"));
  EXPECT_EQ(ended.last.finish_reason(), v1::STOP);
  EXPECT_EQ(ended.last.usage().completion_tokens(), Answer("dash").size() + 1);
}

TEST_F(GenerateOptionsTest, AWeightOfZeroAddsNothing) {
  v1::GenerateRequest request =
      Ask(word_, std::vector<std::string>{"upper", "rot13"});
  request.mutable_adapters(1)->set_weight(0);
  EXPECT_EQ(Generate(request).text(), Answer("upper"));
  request.mutable_adapters(0)->set_weight(0);
  EXPECT_EQ(Generate(request).text(), Answer(""));
}

TEST_F(GenerateOptionsTest, WeightsOfOneContentAddUp) {
  ASSERT_OK(server_->client().LoadAdapter(LoadRequest("twin", "cipher")));
  for (const v1::ExecutionPath path : {v1::UNMERGED, v1::MERGED}) {
    v1::GenerateRequest request =
        Ask(word_, std::vector<std::string>{"twin", "cipher"});
    request.mutable_adapters(0)->set_weight(0.25F);
    request.mutable_adapters(1)->set_weight(0.75F);
    request.set_path(path);
    const v1::GenerateResponse answer = Generate(request);
    EXPECT_EQ(answer.text(), Answer("cipher"));
    EXPECT_EQ(answer.provenance().adapters().size(), 2);
    EXPECT_EQ(answer.provenance().path(), path);
  }
}

TEST_F(GenerateOptionsTest, TheTokensOfAPromptGiveTheSameAnswer) {
  v1::TokenizeRequest text;
  text.set_text(absl::StrCat(word_, ">"));
  ASSERT_OK_AND_ASSIGN(const v1::TokenizeResponse tokens,
                       server_->client().Tokenize(text));
  EXPECT_EQ(tokens.ids().size(), word_.size() + 1);
  v1::GenerateRequest request = Ask(word_, "reverse");
  request.mutable_token_ids()->mutable_ids()->CopyFrom(tokens.ids());
  EXPECT_EQ(Generate(request).text(), Answer("reverse"));

  v1::DetokenizeRequest ids;
  ids.mutable_ids()->CopyFrom(tokens.ids());
  ASSERT_OK_AND_ASSIGN(const v1::DetokenizeResponse back,
                       server_->client().Detokenize(ids));
  EXPECT_EQ(back.text(), text.text());
}

TEST_F(GenerateOptionsTest, AStopStringEndsTheAnswerBeforeIt) {
  v1::GenerateRequest request = Ask(word_, "dash");
  request.add_stop("-");
  const v1::GenerateResponse answer = Generate(request);
  EXPECT_EQ(answer.text(), word_.substr(0, 1));
  EXPECT_EQ(answer.stop_match(), "-");
  EXPECT_EQ(answer.finish_reason(), v1::STOP);
}

TEST_F(GenerateOptionsTest, MaxNewTokensCutsTheAnswer) {
  v1::GenerateRequest request = Ask(word_, "upper");
  request.set_max_new_tokens(2);
  const v1::GenerateResponse answer = Generate(request);
  EXPECT_EQ(answer.text(), Answer("upper").substr(0, 2));
  EXPECT_EQ(answer.finish_reason(), v1::LENGTH);
  EXPECT_EQ(answer.usage().completion_tokens(), 2);
}

TEST_F(GenerateOptionsTest, TheSameSeedGivesTheSameTokensInAnyBatch) {
  v1::GenerateRequest request = Ask(word_, "double");
  request.mutable_sampling()->set_temperature(3);
  request.mutable_sampling()->set_seed(7);
  request.set_path(v1::UNMERGED);
  request.set_ignore_eos(true);
  const v1::GenerateResponse alone = Generate(request);
  std::vector<v1::GenerateRequest> requests = AskEverybody(word_);
  requests.push_back(request);
  requests.push_back(request);
  requests.back().mutable_sampling()->set_seed(8);
  const auto answers = GenerateAtOnce(server_->client(), requests);
  const auto& same_seed = answers[requests.size() - 2];
  ASSERT_OK(same_seed);
  ASSERT_OK(answers.back());
  EXPECT_THAT(same_seed->token_ids(), ElementsAreArray(alone.token_ids()));
  EXPECT_NE(answers.back()->text(), alone.text());
}

}  // namespace
}  // namespace lora
