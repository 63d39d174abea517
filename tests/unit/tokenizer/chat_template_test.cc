// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/chat_template.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

TEST(ChatTemplateTest, TheTemplateSeesTheRequest) {
  const ChatTemplate chat_template(
      "{{ bos }}{% for m in messages %}[{{ m.role }}|{{ m['content'] }}]"
      "{% endfor %}{{ add_generation_prompt }}{{ mood }}",
      {{"bos", "<s>"}});
  EXPECT_THAT(chat_template.Render({.messages = {{"user", "hi"}, {"bot", ""}},
                                    .template_kwargs = Json{{"mood", "calm"}},
                                    .add_generation_prompt = true}),
              IsOkAndHolds("<s>[user|hi][bot|]Truecalm"));
}

TEST(ChatTemplateTest, ToolsAndDocumentsAreNoneUnlessGiven) {
  const ChatTemplate chat_template(
      "{{ tools is none }}{{ documents is none }}{{ other is defined }}", {});
  EXPECT_THAT(chat_template.Render({}), IsOkAndHolds("TrueTrueFalse"));
  EXPECT_THAT(chat_template.Render({.template_kwargs = Json{{"tools", {1}}}}),
              IsOkAndHolds("FalseTrueFalse"));
}

TEST(ChatTemplateTest, ArgumentsGoBeforeSpecialTokens) {
  const ChatTemplate chat_template("{{ bos }}", {{"bos", "<s>"}});
  EXPECT_THAT(chat_template.Render({.template_kwargs = Json{{"bos", "x"}}}),
              IsOkAndHolds("x"));
}

TEST(ChatTemplateTest, ArgumentsAreAnObjectWithoutTheFieldsOfTheRequest) {
  const ChatTemplate chat_template("a", {});
  EXPECT_THAT(
      chat_template.Render({.template_kwargs = Json::array()}),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kInput));
  for (const char* name : {"messages", "add_generation_prompt"}) {
    const absl::Status status =
        chat_template.Render({.template_kwargs = Json{{name, 1}}}).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kInput));
    EXPECT_THAT(status, MessageIs(HasSubstr(name)));
  }
}

TEST(ChatTemplateTest, ATemplateThatDoesNotParseFailsEveryRender) {
  const ChatTemplate chat_template("{% if %}", {});
  EXPECT_THAT(
      chat_template.status(),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kChatTemplate));
  EXPECT_EQ(chat_template.Render({}).status(), chat_template.status());
}

TEST(ChatTemplateTest, TextThatIsNotUtf8IsRefused) {
  const ChatTemplate chat_template("{{ messages[0].content|upper }}", {});
  EXPECT_THAT(
      chat_template.Render({.messages = {{"user", "a\xFF"}}}),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kInput));
}

}  // namespace
}  // namespace lora
