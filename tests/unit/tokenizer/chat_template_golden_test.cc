// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/base/json.h"
#include "server/tokenizer/chat_template.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/golden_text.h"

namespace lora {
namespace {

// What `transformers` renders from the templates of the folder.
class ChatTemplateGoldenTest : public testing::Test {
 protected:
  void SetUp() override {
    expected_ = ReadGoldenJson("chat/expected.json");
    absl::CivilSecond now;
    ASSERT_TRUE(
        absl::ParseCivilTime(expected_["now"].get<std::string>(), &now));
    now_ = absl::FromCivil(now, absl::LocalTimeZone());
    for (const auto& [name, value] : expected_["variables"].items()) {
      variables_.emplace_back(name, value.get<std::string>());
    }
  }

  ChatRequest RequestOf(const Json& test_case) const {
    ChatRequest request{
        .template_kwargs = test_case["kwargs"],
        .add_generation_prompt = test_case["add_generation_prompt"].get<bool>(),
        .now = now_};
    for (const Json& message : test_case["messages"]) {
      request.messages.push_back({message["role"].get<std::string>(),
                                  message["content"].get<std::string>()});
    }
    return request;
  }

  Json expected_;
  absl::Time now_;
  std::vector<std::pair<std::string, std::string>> variables_;
};

TEST_F(ChatTemplateGoldenTest, RendersTheFamiliesAsTransformersDoes) {
  ASSERT_GT(expected_["cases"].size(), 300u);
  size_t num_errors = 0;
  for (const Json& test_case : expected_["cases"]) {
    const auto name = test_case["template"].get<std::string>();
    const ChatTemplate chat_template(
        ReadGoldenText(absl::StrCat("chat/", name)), variables_);
    ASSERT_THAT(chat_template.status(), IsOk());
    const absl::StatusOr<std::string> text =
        chat_template.Render(RequestOf(test_case));
    SCOPED_TRACE(absl::StrCat(name, " ", test_case["messages"].dump(), " ",
                              test_case["kwargs"].dump()));
    if (test_case.contains("text")) {
      EXPECT_THAT(text, IsOkAndHolds(test_case["text"].get<std::string>()));
      continue;
    }
    ++num_errors;
    EXPECT_THAT(text, StatusIs(absl::StatusCode::kInvalidArgument,
                               ErrorReason::kChatTemplate))
        << test_case["error"];
  }
  EXPECT_GT(num_errors, 20u);
}

TEST_F(ChatTemplateGoldenTest, RendersEveryConstructAsTransformersDoes) {
  ASSERT_GT(expected_["snippets"].size(), 180u);
  for (const Json& test_case : expected_["snippets"]) {
    const auto source = test_case["source"].get<std::string>();
    const ChatTemplate chat_template(source, variables_);
    const absl::StatusOr<std::string> text =
        chat_template.Render(RequestOf(test_case));
    SCOPED_TRACE(source);
    if (test_case.contains("text")) {
      EXPECT_THAT(text, IsOkAndHolds(test_case["text"].get<std::string>()));
    } else {
      EXPECT_THAT(text, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kChatTemplate))
          << text.value_or("") << test_case["error"];
    }
  }
}

}  // namespace
}  // namespace lora
