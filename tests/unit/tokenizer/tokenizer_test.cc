// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/tokenizer.h"

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::NotNull;
using ::testing::Optional;

// Byte-level, without merges but "ab", with <s> and <tool>.
constexpr absl::string_view kTokenizer = R"({
  "added_tokens": [
    {"id": 10, "content": "<s>", "special": true, "normalized": false},
    {"id": 12, "content": "<tool>", "special": false, "normalized": false}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
                    "use_regex": false},
  "model": {"type": "BPE", "merges": ["a b"],
            "vocab": {"a": 0, "b": 1, "ab": 2, "Ã": 3, "©": 4, "Ġ": 5}},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
               {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [10], "tokens": ["<s>"]}}},
  "decoder": {"type": "ByteLevel"}
})";

class TokenizerTest : public testing::Test {
 protected:
  void SetUp() override { folder_.Write("tokenizer.json", kTokenizer); }

  std::unique_ptr<const Tokenizer> Load() const {
    auto tokenizer = Tokenizer::Load(folder_.string());
    EXPECT_THAT(tokenizer, IsOk());
    return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
  }

  TemporaryFolder folder_;
};

TEST_F(TokenizerTest, EncodesWithAndWithoutSpecialTokens) {
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->Encode("ab <s>é", SpecialTokens::kNone),
              IsOkAndHolds(ElementsAre(2, 5, 10, 3, 4)));
  EXPECT_THAT(tokenizer->Encode("", SpecialTokens::kAdd),
              IsOkAndHolds(ElementsAre(10)));
}

TEST_F(TokenizerTest, TextsThatAreNotUtf8AreRefused) {
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(
      tokenizer->Encode("a\xFF", SpecialTokens::kAdd),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kInput));
}

TEST_F(TokenizerTest, DecodesWithAndWithoutSpecialTokens) {
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  const std::vector<int32_t> ids = {10, 2, 12, 3, 4};
  EXPECT_EQ(tokenizer->Decode(ids, SkipSpecial::kNo), "<s>ab<tool>é");
  EXPECT_EQ(tokenizer->Decode(ids, SkipSpecial::kYes), "ab<tool>é");
}

TEST_F(TokenizerTest, IdsThatNoTokenHasAreLeftOut) {
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_EQ(tokenizer->Decode({0, 11, -5, 999999, 1}, SkipSpecial::kYes), "ab");
  EXPECT_EQ(tokenizer->Piece(11), "");
  EXPECT_FALSE(tokenizer->IsSpecial(999999));
}

TEST_F(TokenizerTest, TellsItsVocabulary) {
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_EQ(tokenizer->vocab_size(), 13);
  EXPECT_EQ(tokenizer->Piece(5), "Ġ");
  EXPECT_EQ(tokenizer->Piece(12), "<tool>");
  EXPECT_TRUE(tokenizer->IsSpecial(10));
  EXPECT_FALSE(tokenizer->IsSpecial(12));
  EXPECT_FALSE(tokenizer->IsSpecial(0));
  EXPECT_THAT(tokenizer->TokenId("<s>"), Optional(10));
  EXPECT_THAT(tokenizer->TokenId("ab"), Optional(2));
  EXPECT_EQ(tokenizer->TokenId("zz"), std::nullopt);
}

TEST_F(TokenizerTest, ManyThreadsEncodeAtOnce) {
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&tokenizer] {
      for (int round = 0; round < 200; ++round) {
        EXPECT_THAT(tokenizer->Encode("ab <s>é", SpecialTokens::kAdd),
                    IsOkAndHolds(ElementsAre(10, 2, 5, 10, 3, 4)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TokenizerTest, AModelWithoutATemplateHasNoChat) {
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->chat_template(), IsNull());
  EXPECT_THAT(tokenizer->RenderChat({}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ErrorReason::kChatTemplate));
}

TEST_F(TokenizerTest, TheConfigGivesATemplateAndItsTokens) {
  folder_.Write("tokenizer_config.json",
                R"({"bos_token": "<s>", "eos_token": null,
                    "model_max_length": 1000000000000000019884624838656,
                    "chat_template":
                      "{{ bos_token }}{{ messages[0].content }}"})");
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->RenderChat({.messages = {{"user", "hi"}}}),
              IsOkAndHolds("<s>hi"));
}

TEST_F(TokenizerTest, OfNamedTemplatesToolUseCountsWithToolsElseTheDefault) {
  folder_.Write("tokenizer_config.json",
                R"({"bos_token": "<s>", "chat_template": [
                    {"name": "tool_use",
                     "template": "{{ bos_token }}{{ tools | length }}"},
                    {"name": "rag", "template": "documents"},
                    {"name": "default",
                     "template": "{{ bos_token }}plain"}]})");
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->RenderChat({}), IsOkAndHolds("<s>plain"));
  const auto with = [&](const char* kwargs) {
    return tokenizer->RenderChat(
        {.template_kwargs = ParseJson(kwargs).value()});
  };
  EXPECT_THAT(with(R"({"tools": null})"), IsOkAndHolds("<s>plain"));
  EXPECT_THAT(with(R"({"tool": [1]})"), IsOkAndHolds("<s>plain"));
  EXPECT_THAT(with(R"({"tools": [1, 2]})"), IsOkAndHolds("<s>2"));
  EXPECT_THAT(with(R"({"tools": []})"), IsOkAndHolds("<s>0"));
  EXPECT_THAT(with("[]"), StatusIs(absl::StatusCode::kInvalidArgument,
                                   ErrorReason::kInput));
}

TEST_F(TokenizerTest, WithoutANamedTemplateForToolsTheDefaultHasThem) {
  folder_.Write("tokenizer_config.json",
                R"({"chat_template": [
                    {"name": "default", "template": "{{ tools }}"}]})");
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->RenderChat({.template_kwargs = Json{{"tools", "x"}}}),
              IsOkAndHolds("x"));
}

TEST_F(TokenizerTest, ATemplateForToolsAloneRendersNothingElse) {
  folder_.Write("tokenizer_config.json",
                R"({"chat_template": [
                    {"name": "tool_use", "template": "tools"}]})");
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->RenderChat({.template_kwargs = Json{{"tools", "x"}}}),
              IsOkAndHolds("tools"));
  EXPECT_THAT(tokenizer->RenderChat({}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ErrorReason::kChatTemplate));
}

TEST_F(TokenizerTest, TemplateFilesGoBeforeTheNamedOnesOfTheConfig) {
  folder_.Write("tokenizer_config.json",
                R"({"chat_template": [
                    {"name": "tool_use", "template": "config tools"},
                    {"name": "default", "template": "config"}]})");
  folder_.Write("chat_template.jinja", "file");
  const ChatRequest tools = {.template_kwargs = Json{{"tools", "x"}}};
  auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->RenderChat({}), IsOkAndHolds("file"));
  EXPECT_THAT(tokenizer->RenderChat(tools), IsOkAndHolds("file"));

  std::filesystem::create_directory(folder_.string() +
                                    "/additional_chat_templates");
  folder_.Write("additional_chat_templates/tool_use.jinja", "file tools");
  tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->RenderChat({}), IsOkAndHolds("file"));
  EXPECT_THAT(tokenizer->RenderChat(tools), IsOkAndHolds("file tools"));
}

TEST_F(TokenizerTest, ATemplateFileGoesBeforeTheConfig) {
  folder_.Write("tokenizer_config.json", R"({"chat_template": "config"})");
  folder_.Write("chat_template.jinja", "file");
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->RenderChat({}), IsOkAndHolds("file"));
}

TEST_F(TokenizerTest, ABadTemplateOnlySpoilsChat) {
  folder_.Write("chat_template.jinja", "a\n{% import 'x' %}");
  const auto tokenizer = Load();
  ASSERT_THAT(tokenizer, NotNull());
  EXPECT_THAT(tokenizer->Encode("ab", SpecialTokens::kNone), IsOk());
  const absl::Status status = tokenizer->RenderChat({}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               ErrorReason::kChatTemplate));
  EXPECT_THAT(status, MessageIs(HasSubstr("line 2")));
  EXPECT_THAT(status, MessageIs(HasSubstr("import")));
}

TEST_F(TokenizerTest, AFolderWithoutATokenizerIsNotFound) {
  TemporaryFolder empty;
  EXPECT_THAT(Tokenizer::Load(empty.string()),
              StatusIs(absl::StatusCode::kNotFound, ErrorReason::kBase));
}

TEST_F(TokenizerTest, UnsupportedComponentsNameTheFileAndTheType) {
  folder_.Write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
  const absl::Status status = Tokenizer::Load(folder_.string()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               ErrorReason::kBaseFeature));
  EXPECT_THAT(status, MessageIs(HasSubstr("Unigram")));
  EXPECT_THAT(status, MessageIs(HasSubstr("tokenizer.json")));
}

TEST_F(TokenizerTest, MalformedFilesAreRefused) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"model": 7})", R"({"model": null})",
        R"({"model": {"vocab": {"a": 0}, "vocab": {}, "merges": []}})",
        R"({"model": {"vocab": {}, "merges": []}, "added_tokens": 3})",
        R"({"model": {"vocab": {}, "merges": []}, "added_tokens":
            [{"content": "a"}]})"}) {
    folder_.Write("tokenizer.json", text);
    EXPECT_THAT(Tokenizer::Load(folder_.string()),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST_F(TokenizerTest, MalformedConfigsAreRefused) {
  for (const char* text :
       {"{", "[]", R"({"chat_template": 1})", R"({"chat_template": [1]})",
        R"({"bos_token": 5})", R"({"bos_token": {"content": 5}})",
        R"({"added_tokens_decoder": []})",
        R"({"added_tokens_decoder": {"x": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"-1": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"1": {}}})",
        R"({"extra_special_tokens": [5]})"}) {
    folder_.Write("tokenizer_config.json", text);
    EXPECT_THAT(Tokenizer::Load(folder_.string()),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

}  // namespace
}  // namespace lora
