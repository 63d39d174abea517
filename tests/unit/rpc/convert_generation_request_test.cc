// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_generation_request.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

v1::GenerateRequest TextRequest() {
  v1::GenerateRequest request;
  request.set_text("hello");
  return request;
}

TEST(GenerateRequestTest, UnsetFieldsStayUnset) {
  ASSERT_OK_AND_ASSIGN(const GenerationRequest request,
                       FromProto(TextRequest()));
  EXPECT_EQ(std::get<std::string>(request.prompt.content), "hello");
  EXPECT_TRUE(request.prompt.add_special_tokens);
  EXPECT_TRUE(request.adapters.empty());
  EXPECT_EQ(request.max_new_tokens, std::nullopt);
  EXPECT_EQ(request.sampling.temperature, std::nullopt);
  EXPECT_EQ(request.sampling.seed, std::nullopt);
  EXPECT_FALSE(request.ignore_eos);
  EXPECT_EQ(request.top_logprobs, 0);
  EXPECT_EQ(request.path, PathPreference::kAuto);
  EXPECT_EQ(request.request_id, "");
}

TEST(GenerateRequestTest, EveryFieldTravels) {
  v1::GenerateRequest proto = TextRequest();
  proto.add_adapters()->set_adapter_id("sql");
  proto.set_max_new_tokens(9);
  proto.add_stop("###");
  proto.add_stop_token_ids(2);
  proto.set_ignore_eos(true);
  proto.set_top_logprobs(20);
  proto.set_path(v1::MERGED);
  proto.set_add_special_tokens(false);
  proto.set_request_id(std::string(128, 'r'));
  ASSERT_OK_AND_ASSIGN(const GenerationRequest request, FromProto(proto));
  ASSERT_EQ(request.adapters.size(), 1);
  EXPECT_EQ(request.adapters[0].id.value(), "sql");
  EXPECT_THAT(request.max_new_tokens, Optional(9));
  EXPECT_THAT(request.stop, ElementsAre("###"));
  EXPECT_THAT(request.stop_token_ids, ElementsAre(2));
  EXPECT_TRUE(request.ignore_eos);
  EXPECT_EQ(request.top_logprobs, 20);
  EXPECT_EQ(request.path, PathPreference::kMerged);
  EXPECT_FALSE(request.prompt.add_special_tokens);
  EXPECT_EQ(request.request_id.size(), 128);
}

TEST(GenerateRequestTest, EverySamplingFieldTravels) {
  v1::GenerateRequest proto = TextRequest();
  v1::SamplingParams& sampling = *proto.mutable_sampling();
  sampling.set_temperature(0);
  sampling.set_top_k(1);
  sampling.set_top_p(0.25f);
  sampling.set_min_p(0.5f);
  sampling.set_repetition_penalty(1.25f);
  sampling.set_frequency_penalty(-0.5f);
  sampling.set_presence_penalty(0.75f);
  sampling.set_seed(UINT64_MAX);
  ASSERT_OK_AND_ASSIGN(const GenerationRequest request, FromProto(proto));
  EXPECT_THAT(request.sampling.temperature, Optional(0.0f));
  EXPECT_THAT(request.sampling.top_k, Optional(1));
  EXPECT_THAT(request.sampling.top_p, Optional(0.25f));
  EXPECT_THAT(request.sampling.min_p, Optional(0.5f));
  EXPECT_THAT(request.sampling.repetition_penalty, Optional(1.25f));
  EXPECT_THAT(request.sampling.frequency_penalty, Optional(-0.5f));
  EXPECT_THAT(request.sampling.presence_penalty, Optional(0.75f));
  EXPECT_THAT(request.sampling.seed, Optional(UINT64_MAX));
}

TEST(GenerateRequestTest, APromptMayBeTokens) {
  v1::GenerateRequest proto;
  proto.mutable_token_ids()->add_ids(5);
  proto.mutable_token_ids()->add_ids(6);
  ASSERT_OK_AND_ASSIGN(const GenerationRequest request, FromProto(proto));
  EXPECT_THAT(std::get<std::vector<int32_t>>(request.prompt.content),
              ElementsAre(5, 6));
}

TEST(GenerateRequestTest, APromptMayBeAChat) {
  v1::GenerateRequest proto;
  v1::ChatMessage* message = proto.mutable_chat()->add_messages();
  message->set_role("user");
  message->set_content("hi");
  (*proto.mutable_chat()->mutable_template_kwargs()->mutable_fields())["think"]
      .set_bool_value(false);
  ASSERT_OK_AND_ASSIGN(GenerationRequest request, FromProto(proto));
  const ChatPrompt& chat = std::get<ChatPrompt>(request.prompt.content);
  ASSERT_EQ(chat.messages.size(), 1);
  EXPECT_EQ(chat.messages[0].role, "user");
  EXPECT_EQ(chat.messages[0].content, "hi");
  EXPECT_EQ(chat.template_kwargs.dump(), R"({"think":false})");
  EXPECT_TRUE(chat.add_generation_prompt);

  proto.mutable_chat()->set_add_generation_prompt(false);
  ASSERT_OK_AND_ASSIGN(request, FromProto(proto));
  EXPECT_FALSE(
      std::get<ChatPrompt>(request.prompt.content).add_generation_prompt);
}

TEST(GenerateRequestTest, EveryPathHasAMeaning) {
  v1::GenerateRequest proto = TextRequest();
  proto.set_path(v1::AUTO);
  EXPECT_EQ(FromProto(proto)->path, PathPreference::kAuto);
  proto.set_path(v1::UNMERGED);
  EXPECT_EQ(FromProto(proto)->path, PathPreference::kUnmerged);
  proto.set_path(static_cast<v1::ExecutionPath>(9));
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, ErrorReason::kParam));
}

TEST(GenerateRequestTest, ARequestWithoutPromptIsRefused) {
  EXPECT_THAT(FromProto(v1::GenerateRequest()),
              StatusIs(kInvalid, ErrorReason::kInput));
}

TEST(GenerateRequestTest, StopStringsAreFewAndNotEmpty) {
  v1::GenerateRequest proto = TextRequest();
  for (int i = 0; i < 16; ++i) proto.add_stop("x");
  EXPECT_OK(FromProto(proto));
  proto.add_stop("x");
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, ErrorReason::kParam));
  proto = TextRequest();
  proto.add_stop("");
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, ErrorReason::kParam));
}

TEST(GenerateRequestTest, OtherListsAndNumbersAreBounded) {
  v1::GenerateRequest proto = TextRequest();
  for (int i = 0; i < 1025; ++i) proto.add_stop_token_ids(i);
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, ErrorReason::kParam));
  for (const int top : {-1, 21}) {
    proto = TextRequest();
    proto.set_top_logprobs(top);
    EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, ErrorReason::kParam));
  }
  proto = TextRequest();
  proto.set_request_id(std::string(129, 'r'));
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, ErrorReason::kParam));
  EXPECT_THAT(FromProto(proto), MessageIs(HasSubstr("129 bytes")));
}

TEST(TokenizeRequestTest, TextAndChatAreRead) {
  v1::TokenizeRequest proto;
  proto.set_text("hello");
  proto.set_add_special_tokens(false);
  ASSERT_OK_AND_ASSIGN(PromptInput prompt, FromProto(proto));
  EXPECT_EQ(std::get<std::string>(prompt.content), "hello");
  EXPECT_FALSE(prompt.add_special_tokens);

  proto.mutable_chat()->add_messages()->set_role("user");
  ASSERT_OK_AND_ASSIGN(prompt, FromProto(proto));
  EXPECT_EQ(std::get<ChatPrompt>(prompt.content).messages[0].role, "user");
}

TEST(TokenizeRequestTest, ARequestWithoutPromptIsRefused) {
  EXPECT_THAT(FromProto(v1::TokenizeRequest()),
              StatusIs(kInvalid, ErrorReason::kInput));
}

}  // namespace
}  // namespace lora
