// SPDX-License-Identifier: Apache-2.0
#include "server/engine/output_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int32_t kEos = 2;
constexpr int32_t kByteOffset = 3;  // The token of byte b is b + 3.

// The example's tokenizer: one token a byte.
const Tokenizer& ByteTokenizer() {
  static const auto* const tokenizer =
      Tokenizer::Load("examples/skills/base").value().release();
  return *tokenizer;
}

TokenLogprobs Token(int32_t id) { return {.chosen = {id, -0.5f}}; }

OutputOptions Options(std::vector<std::string> stop = {}) {
  return {.max_new_tokens = 100,
          .end_token_ids = {kEos},
          .stop = std::move(stop),
          .with_logprobs = true};
}

class OutputStateTest : public ::testing::Test {
 protected:
  // Appends the bytes of `text` until the answer ends; returns every delta's
  // text, joined.
  void Append(OutputState& output, const std::string& text) {
    for (const char c : text) {
      if (output.finished()) return;
      output.Append(Token(static_cast<unsigned char>(c) + kByteOffset));
      Take(output);
    }
  }

  void Take(OutputState& output) {
    GenerationDelta delta = output.TakeDelta();
    EXPECT_EQ(delta.logprobs.size(), delta.token_ids.size());
    text_ += delta.text;
    ids_.insert(ids_.end(), delta.token_ids.begin(), delta.token_ids.end());
  }

  std::string text_;
  std::vector<int32_t> ids_;
};

TEST_F(OutputStateTest, TextAndTokensArriveAsTheyAreSampled) {
  OutputState output(ByteTokenizer(), Options());
  Append(output, "hi");
  EXPECT_EQ(text_, "hi");
  EXPECT_THAT(ids_, ElementsAre('h' + kByteOffset, 'i' + kByteOffset));
  EXPECT_FALSE(output.finished());
}

TEST_F(OutputStateTest, AnEndTokenEndsTheAnswerAndIsNotPartOfIt) {
  OutputState output(ByteTokenizer(), Options());
  Append(output, "hi");
  output.Append(Token(kEos));
  Take(output);
  EXPECT_TRUE(output.finished());
  EXPECT_EQ(output.reason(), FinishReason::kStop);
  EXPECT_EQ(text_, "hi");
  EXPECT_THAT(ids_, SizeIs(2));
  EXPECT_EQ(output.completion_tokens(), 3);
}

TEST_F(OutputStateTest, TheLimitEndsTheAnswerWithLength) {
  OutputOptions options = Options();
  options.max_new_tokens = 3;
  OutputState output(ByteTokenizer(), options);
  Append(output, "hello");
  EXPECT_TRUE(output.finished());
  EXPECT_EQ(output.reason(), FinishReason::kLength);
  EXPECT_EQ(text_, "hel");
}

TEST_F(OutputStateTest, TheTextEndsBeforeAStopStringAndSoDoTheTokens) {
  OutputState output(ByteTokenizer(), Options({"END"}));
  Append(output, "some ENDLESS");
  EXPECT_TRUE(output.finished());
  EXPECT_EQ(output.reason(), FinishReason::kStop);
  EXPECT_EQ(output.stop_match(), "END");
  EXPECT_EQ(text_, "some ");
  EXPECT_THAT(ids_, SizeIs(5));
  EXPECT_EQ(output.completion_tokens(), 8);
}

TEST_F(OutputStateTest, WhatMayBeginAStopStringIsHeldBackUntilItIsClear) {
  OutputState output(ByteTokenizer(), Options({"END"}));
  Append(output, "xEN");
  EXPECT_EQ(text_, "x");
  EXPECT_THAT(ids_, SizeIs(1));
  Append(output, "o");
  EXPECT_EQ(text_, "xENo");
  EXPECT_THAT(ids_, SizeIs(4));
}

TEST_F(OutputStateTest, HeldBackTextComesWithTheEnd) {
  OutputState output(ByteTokenizer(), Options({"END"}));
  Append(output, "xEN");
  output.Append(Token(kEos));
  Take(output);
  EXPECT_EQ(text_, "xEN");
  EXPECT_THAT(ids_, SizeIs(3));
}

TEST_F(OutputStateTest, ACharacterIsNeverSplit) {
  OutputState output(ByteTokenizer(), Options());
  const std::string euro = "\xE2\x82\xAC";
  Append(output, euro.substr(0, 2));
  EXPECT_EQ(text_, "");
  EXPECT_THAT(ids_, IsEmpty());
  Append(output, euro.substr(2));
  EXPECT_EQ(text_, euro);
  EXPECT_THAT(ids_, SizeIs(3));
}

TEST_F(OutputStateTest, AnUnfinishedCharacterIsReplacedAtTheEnd) {
  OutputState output(ByteTokenizer(), Options());
  Append(output, "a\xE2\x82");
  output.Append(Token(kEos));
  Take(output);
  EXPECT_EQ(text_, "a\xEF\xBF\xBD");
  EXPECT_THAT(ids_, SizeIs(3));
}

TEST_F(OutputStateTest, AStopStringOfSeveralByteCharactersIsFound) {
  OutputState output(ByteTokenizer(), Options({"\xE2\x82\xAC"}));
  Append(output,
         "a\xE2\x82\xAC"
         "b");
  EXPECT_TRUE(output.finished());
  EXPECT_EQ(text_, "a");
  EXPECT_THAT(ids_, SizeIs(1));
}

// With ignore_eos, say.
class LeftOutTokenTest : public OutputStateTest {
 protected:
  void Append(const std::string& text) {
    OutputStateTest::Append(output_, text);
  }
  void AppendLeftOut() {
    output_.Append(Token(kEos));
    Take(output_);
  }

  OutputState output_{
      ByteTokenizer(),
      {.max_new_tokens = 100, .stop = {"END"}, .with_logprobs = true}};
};

TEST_F(LeftOutTokenTest, ComesAtOnce) {
  Append("a");
  AppendLeftOut();
  EXPECT_THAT(ids_, ElementsAre('a' + kByteOffset, kEos));
}

TEST_F(LeftOutTokenTest, RightBeforeAStopStringDoesNotOverlapIt) {
  Append("aE");
  Append("a");
  AppendLeftOut();
  Append("END");
  EXPECT_EQ(output_.stop_match(), "END");
  EXPECT_EQ(text_, "aEa");
  EXPECT_THAT(ids_, SizeIs(4));
}

TEST_F(LeftOutTokenTest, WithinAStopStringOverlapsIt) {
  Append("aE");
  AppendLeftOut();
  EXPECT_THAT(ids_, SizeIs(1));
  Append("ND");
  EXPECT_EQ(text_, "a");
  EXPECT_THAT(ids_, SizeIs(1));
}

TEST_F(LeftOutTokenTest, WaitsForTheBytesOfACharacterBeforeIt) {
  Append("\xE2\x82");
  AppendLeftOut();
  EXPECT_THAT(ids_, IsEmpty());
  Append("\xAC");
  EXPECT_THAT(ids_, SizeIs(4));
}

class GoldenOutputTest : public OutputStateTest {
 protected:
  // Appends the tokens of `pieces`; returns their ids.
  std::vector<int32_t> AppendPieces(OutputState& output,
                                    const Tokenizer& tokenizer,
                                    const std::vector<std::string>& pieces) {
    std::vector<int32_t> ids;
    for (const std::string& piece : pieces) {
      ids.push_back(tokenizer.TokenId(piece).value());
      output.Append(Token(ids.back()));
      Take(output);
    }
    return ids;
  }
};

// The space that opens an answer is stripped.
TEST_F(GoldenOutputTest, ATokenOfWhichNoTextIsLeftOverlapsNothing) {
  const auto llama2 = Tokenizer::Load("tests/golden/tokenizer/llama2").value();
  OutputState output(*llama2, Options({"t"}));
  const std::vector<int32_t> ids = AppendPieces(output, *llama2, {"▁"});
  EXPECT_EQ(ids_, ids);
  AppendPieces(output, *llama2, {"t"});
  EXPECT_EQ(output.stop_match(), "t");
  EXPECT_EQ(text_, "");
  EXPECT_EQ(ids_, ids);
}

TEST_F(GoldenOutputTest, ATokenWhoseLastBytesBeginAStopStringOverlapsIt) {
  const auto gpt2 = Tokenizer::Load("tests/golden/tokenizer/gpt2").value();
  OutputState output(*gpt2, Options({"é"}));
  // A space and the first byte of the character.
  AppendPieces(output, *gpt2, {"ĠÃ"});
  EXPECT_EQ(text_, " ");
  AppendPieces(output, *gpt2, {"©"});
  EXPECT_EQ(output.stop_match(), "é");
  EXPECT_EQ(text_, " ");
  EXPECT_THAT(ids_, IsEmpty());
}

TEST_F(GoldenOutputTest, ATokenComesWithTheLastOfItsBytes) {
  const auto gpt2 = Tokenizer::Load("tests/golden/tokenizer/gpt2").value();
  OutputState output(*gpt2, Options());
  AppendPieces(output, *gpt2, {"ĠÃ"});
  EXPECT_THAT(ids_, IsEmpty());
  AppendPieces(output, *gpt2, {"©"});
  EXPECT_EQ(text_, " é");
  EXPECT_THAT(ids_, SizeIs(2));
}

TEST_F(OutputStateTest, LogprobsAreLeftOutUnlessAskedFor) {
  OutputOptions options = Options();
  options.with_logprobs = false;
  OutputState output(ByteTokenizer(), options);
  output.Append(Token('a' + kByteOffset));
  EXPECT_THAT(output.TakeDelta().logprobs, IsEmpty());
}

}  // namespace
}  // namespace lora
