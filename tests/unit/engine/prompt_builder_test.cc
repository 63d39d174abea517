// SPDX-License-Identifier: Apache-2.0
#include "server/engine/prompt_builder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int32_t kVocabSize = 260;
constexpr int32_t kByteOffset = 3;  // The token of byte b is b + 3.

// The example's tokenizer: one token a byte, no chat template.
const Tokenizer& ByteTokenizer() {
  static const auto* const tokenizer =
      Tokenizer::Load("examples/skills/base").value().release();
  return *tokenizer;
}

absl::StatusOr<std::vector<int32_t>> Build(const PromptInput& input,
                                           PromptLimits limits = {
                                               .vocab_size = kVocabSize}) {
  return BuildPrompt(ByteTokenizer(), input, limits);
}

auto IsInputError(absl::string_view text) {
  return ::testing::AllOf(
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kInput),
      MessageIs(HasSubstr(std::string(text))));
}

TEST(PromptBuilderTest, ATextIsTokenised) {
  EXPECT_THAT(Build({.content = "hi"}),
              IsOkAndHolds(ElementsAre('h' + kByteOffset, 'i' + kByteOffset)));
}

TEST(PromptBuilderTest, TokenIdsAreTakenAsTheyAre) {
  EXPECT_THAT(Build({.content = std::vector<int32_t>{0, kVocabSize - 1}}),
              IsOkAndHolds(ElementsAre(0, kVocabSize - 1)));
}

TEST(PromptBuilderTest, AnIdOutsideTheVocabularyIsNamedWithItsPosition) {
  EXPECT_THAT(Build({.content = std::vector<int32_t>{5, kVocabSize}}),
              IsInputError("260 at position 1"));
  EXPECT_THAT(Build({.content = std::vector<int32_t>{-1}}),
              IsInputError("-1 at position 0"));
}

TEST(PromptBuilderTest, AnEmptyPromptIsRefused) {
  EXPECT_THAT(Build({.content = ""}), IsInputError("no tokens"));
  EXPECT_THAT(Build({.content = std::vector<int32_t>()}),
              IsInputError("no tokens"));
  EXPECT_THAT(Build({.content = ChatPrompt()}), IsInputError("no messages"));
}

TEST(PromptBuilderTest, AChatNeedsATemplate) {
  EXPECT_THAT(Build({.content = ChatPrompt{.messages = {{"user", "hi"}}}}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ErrorReason::kChatTemplate));
}

TEST(PromptBuilderTest, ATextThatIsNotUtf8IsRefused) {
  EXPECT_THAT(
      Build({.content = "\xFF"}),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kInput));
}

TEST(PromptBuilderTest, ATooLongTextIsNotLookedAt) {
  const PromptLimits limits{.vocab_size = kVocabSize, .max_bytes = 3};
  EXPECT_OK(Build({.content = "abc"}, limits));
  // It would be refused for its bytes otherwise.
  EXPECT_THAT(Build({.content = "abc\xFF"}, limits), IsInputError("4 bytes"));
}

TEST(PromptBuilderTest, TheLongestPieceIsThatOfTheVocabulary) {
  int64_t longest = 0;
  for (int32_t id = 0; id < kVocabSize; ++id) {
    longest = std::max(longest,
                       static_cast<int64_t>(ByteTokenizer().Piece(id).size()));
  }
  EXPECT_EQ(LongestPieceBytes(ByteTokenizer()), longest);
  EXPECT_EQ(longest, 5);  // "<pad>".
}

}  // namespace
}  // namespace lora
