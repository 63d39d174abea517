// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/file.h"
#include "server/base/json.h"
#include "server/tensorfile/safetensors_view.h"
#include "tests/support/long_context_model.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAreArray;

constexpr char kDynamic[] = "llama_dynamic";
constexpr int32_t kTrained = 16;  // Its max_position_embeddings.
constexpr int32_t kContext = 64;  // Times the factor of its RoPE scaling.
constexpr int64_t kMaxBytes = int64_t{1} << 20;

// A golden model with a tokenizer beside it: prompts are token ids, and what
// their answers read as is of no interest.
class GoldenModel {
 public:
  explicit GoldenModel(const std::string& family) {
    std::filesystem::copy(absl::StrCat("tests/golden/models/", family),
                          folder_.path());
    std::filesystem::copy("examples/skills/base/tokenizer.json",
                          folder_.path());
  }

  std::string path() const { return folder_.path().string(); }

 private:
  TemporaryFolder folder_;
};

v1::GenerateRequest Ask(const std::vector<int32_t>& prompt,
                        size_t max_new_tokens) {
  v1::GenerateRequest request;
  for (const int32_t id : prompt) request.mutable_token_ids()->add_ids(id);
  request.set_max_new_tokens(static_cast<int32_t>(max_new_tokens));
  return request;
}

TEST(BaseModelTest, PromptsBeyondTheTrainedPositionsAreAnsweredAsByPeft) {
  const GoldenModel model(kDynamic);
  // Chunks that begin on both sides of the trained positions.
  ASSERT_OK_AND_ASSIGN(
      const auto server,
      ServerProcess::Start(
          {.model = model.path(),
           .flags = {"--dtype", "f32", "--max-prefill-tokens", "7"}}));
  ASSERT_OK_AND_ASSIGN(
      const std::string text,
      ReadFile(absl::StrCat("tests/golden/cases/", kDynamic, ".json"),
               kMaxBytes));
  ASSERT_OK_AND_ASSIGN(const Json cases, ParseJson(text));
  int beyond = 0;
  for (const Json& golden : cases) {
    if (!golden.at("adapters").empty()) continue;
    SCOPED_TRACE(golden.at("name").get<std::string>());
    const auto prompt = golden.at("prompt_ids").get<std::vector<int32_t>>();
    const auto greedy = golden.at("greedy_ids").get<std::vector<int32_t>>();
    ASSERT_OK_AND_ASSIGN(
        const v1::GenerateResponse answer,
        server->client().GenerateText(Ask(prompt, greedy.size())));
    EXPECT_THAT(answer.token_ids(), ElementsAreArray(greedy));
    if (static_cast<int32_t>(prompt.size()) > kTrained) ++beyond;
  }
  EXPECT_GT(beyond, 0);
}

TEST(BaseModelTest, WhatTheScaledPositionsReachIsTheLimit) {
  const GoldenModel model(kDynamic);
  ASSERT_OK_AND_ASSIGN(const auto server,
                       ServerProcess::Start({.model = model.path()}));
  Client& client = server->client();
  ASSERT_OK_AND_ASSIGN(const v1::ServerInfo info, client.GetServerInfo());
  EXPECT_EQ(info.base_model().max_context(), kContext);
  const std::vector<int32_t> longest(kContext - 1, 5);
  v1::GenerateRequest request = Ask(longest, 9);
  request.set_ignore_eos(true);
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client.GenerateText(request));
  EXPECT_EQ(answer.finish_reason(), v1::LENGTH);
  EXPECT_EQ(answer.usage().completion_tokens(), 1);
  const std::vector<int32_t> too_long(kContext, 5);
  EXPECT_THAT(client.GenerateText(Ask(too_long, 1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(BaseModelTest, ParametersAreThoseOfTheFileWhateverTheyTakeHere) {
  const GoldenModel tied("qwen3_tied_yarn");
  ASSERT_OK_AND_ASSIGN(
      const std::string bytes,
      ReadFile(absl::StrCat(tied.path(), "/model.safetensors"), kMaxBytes));
  ASSERT_OK_AND_ASSIGN(const SafetensorsView file,
                       SafetensorsView::Parse(bytes));
  int64_t elements = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    elements += tensor.bytes() / static_cast<int64_t>(sizeof(float));
  }
  for (const char* dtype : {"f32", "bf16"}) {
    ASSERT_OK_AND_ASSIGN(const auto server,
                         ServerProcess::Start({.model = tied.path(),
                                               .flags = {"--dtype", dtype}}));
    ASSERT_OK_AND_ASSIGN(const v1::ServerInfo info,
                         server->client().GetServerInfo());
    EXPECT_EQ(info.base_model().num_parameters(), elements) << dtype;
  }
}

}  // namespace
}  // namespace lora
