// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/decoder.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Strings = std::vector<std::string>;

absl::StatusOr<Decoder> Parse(absl::string_view spec) {
  LORA_ASSIGN_OR_RETURN(const Json json, ParseJson(spec));
  return Decoder::Parse(json);
}

// What each token makes certain, and last what the end does.
Strings Deltas(absl::string_view spec, const Strings& tokens,
               ByteRuns byte_runs) {
  const absl::StatusOr<Decoder> decoder = Parse(spec);
  EXPECT_THAT(decoder, IsOk());
  if (!decoder.ok()) return {};
  DecodeStream stream = decoder->Start(byte_runs);
  Strings deltas;
  for (const std::string& token : tokens) {
    stream.Append(token, deltas.emplace_back());
  }
  stream.Finish(deltas.emplace_back());
  return deltas;
}

std::string Decode(absl::string_view spec, const Strings& tokens) {
  std::string text;
  for (const std::string& delta : Deltas(spec, tokens, ByteRuns::kWhole)) {
    text += delta;
  }
  return text;
}

std::string Sequence(absl::string_view steps) {
  return absl::StrCat(R"({"type": "Sequence", "decoders": [)", steps, "]}");
}

constexpr absl::string_view kByteFallback = R"({"type": "ByteFallback"})";
constexpr absl::string_view kFuse = R"({"type": "Fuse"})";
constexpr absl::string_view kByteLevel = R"({"type": "ByteLevel"})";

std::string Strip(int start, int stop) {
  return absl::StrCat(R"({"type": "Strip", "content": " ", "start": )", start,
                      R"(, "stop": )", stop, "}");
}

TEST(DecoderTest, WithoutADecoderTokensAreJoinedBySpaces) {
  EXPECT_EQ(Decode("null", {"a", "b", "c"}), "a b c");
  EXPECT_EQ(Decode("null", {}), "");
}

TEST(DecoderTest, ByteLevelJoinsBytesOfSeveralTokens) {
  EXPECT_EQ(Decode(kByteLevel, {"Ġa", "Ã", "©", "Ċ"}), " aé\n");
  // An added token, outside the alphabet, is its own text.
  EXPECT_EQ(Decode(kByteLevel, {"a", "< s >", "b"}), "a< s >b");
}

TEST(DecoderTest, ByteLevelReplacesEveryMaximalBadPart) {
  EXPECT_EQ(Decode(kByteLevel, {"Ã", "a"}), "\uFFFDa");
  EXPECT_EQ(Decode(kByteLevel, {"ðŁĺ", "a", "Ģ"}), "\uFFFDa\uFFFD");
  EXPECT_EQ(Decode(kByteLevel, {"a", "ðŁĺ"}), "a\uFFFD");
}

TEST(DecoderTest, ByteLevelShowsACharacterWhenItIsWhole) {
  EXPECT_THAT(
      Deltas(kByteLevel, {"a", "Ã", "©b", "ðŁ", "ĺ", "Ģ"}, ByteRuns::kEager),
      ElementsAre("a", "", "éb", "", "", "😀", ""));
}

TEST(DecoderTest, ByteFallbackDecodesRunsAsOne) {
  const std::string spec = Sequence(absl::StrCat(kByteFallback, ",", kFuse));
  EXPECT_EQ(Decode(spec, {"a", "<0xC3>", "<0xA9>", "b"}), "aéb");
  EXPECT_EQ(Decode(spec, {"<0x41>", "<0xC3>", "b"}), "\uFFFD\uFFFDb");
  EXPECT_EQ(Decode(spec, {"<0xC3>"}), "\uFFFD");
  EXPECT_EQ(Decode(spec, {"<0xc3>", "<0xa9>"}), "é");
}

TEST(DecoderTest, OnlyByteNamesAreBytes) {
  const Strings names = {"<0x4>", "<0xZZ>", "<0x041>", "<0x41", "0x41>"};
  EXPECT_EQ(Decode(kByteFallback, names), "<0x4><0xZZ><0x041><0x410x41>");
}

TEST(DecoderTest, EagerRunsShowEveryWholeCharacter) {
  EXPECT_THAT(Deltas(kByteFallback, {"<0xC3>", "<0xA9>", "<0x41>", "b"},
                     ByteRuns::kEager),
              ElementsAre("", "é", "A", "b", ""));
  EXPECT_THAT(Deltas(kByteFallback, {"<0xC3>", "<0xA9>", "<0x41>", "b"},
                     ByteRuns::kWhole),
              ElementsAre("", "", "", "éAb", ""));
}

TEST(DecoderTest, EagerRunsStayBrokenOnceTheyAre) {
  // From the bad byte on, every byte of the run is one U+FFFD, as in a batch.
  EXPECT_THAT(Deltas(kByteFallback,
                     {"<0x41>", "<0xC3>", "<0x42>", "<0x43>", "x", "<0x44>"},
                     ByteRuns::kEager),
              ElementsAre("A", "", "\uFFFD\uFFFD", "\uFFFD", "x", "D", ""));
}

TEST(DecoderTest, StripTakesFromEveryToken) {
  EXPECT_EQ(Decode(Strip(1, 0), {"  a", " b ", "c"}), " ab c");
  EXPECT_EQ(Decode(Strip(0, 1), {"a  ", "b", " "}), "a b");
  EXPECT_EQ(Decode(Strip(1, 1), {" a ", "  "}), "a");
}

TEST(DecoderTest, StripAfterFuseTakesFromTheWholeText) {
  const std::string spec = Sequence(absl::StrCat(kFuse, ",", Strip(1, 2)));
  EXPECT_EQ(Decode(spec, {" a", " ", " ", " ", "b", " ", " ", " "}), "a   b ");
  EXPECT_THAT(Deltas(spec, {" ", "a", " ", "b", " "}, ByteRuns::kWhole),
              ElementsAre("", "a", "", " b", "", ""));
}

TEST(DecoderTest, TextIsHeldWhileALaterTokenMayDropIt) {
  const Decoder decoder =
      Parse(Sequence(absl::StrCat(kFuse, ",", Strip(1, 1)))).value();
  DecodeStream stream = decoder.Start(ByteRuns::kEager);
  std::string text;
  stream.Append(" ", text);  // Dropped at once.
  EXPECT_FALSE(stream.HoldsText());
  stream.Append("a ", text);
  EXPECT_TRUE(stream.HoldsText());
  stream.Append("b", text);
  EXPECT_FALSE(stream.HoldsText());
  EXPECT_EQ(text, "a b");
}

TEST(DecoderTest, SentencePieceTextComesTokenByToken) {
  const std::string spec = Sequence(absl::StrCat(
      R"({"type": "Replace", "pattern": {"String": "▁"}, "content": " "},)",
      kByteFallback, ",", kFuse, ",", Strip(1, 0)));
  EXPECT_THAT(Deltas(spec,
                     {"▁Hello", "▁wor", "ld", "<0xF0>", "<0x9F>", "<0x98>",
                      "<0x80>", "▁"},
                     ByteRuns::kEager),
              ElementsAre("Hello", " wor", "ld", "", "", "", "😀", " ", ""));
}

TEST(DecoderTest, MetaspaceDropsItsMarkInTheFirstToken) {
  const char* always =
      R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"})";
  EXPECT_EQ(Decode(always, {"▁a▁b", "▁c"}), "ab c");
  const char* never =
      R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"})";
  EXPECT_EQ(Decode(never, {"▁a", "▁b"}), " a b");
  const char* older =
      R"({"type": "Metaspace", "replacement": "▁", "add_prefix_space": false})";
  EXPECT_EQ(Decode(older, {"▁a"}), " a");
}

TEST(DecoderTest, AReplaceAfterFuseWaitsForTheWholeText) {
  const std::string spec = Sequence(absl::StrCat(
      kFuse,
      R"(,{"type": "Replace", "pattern": {"Regex": "ab"}, "content": "-"})"));
  EXPECT_THAT(Deltas(spec, {"xa", "b"}, ByteRuns::kWhole),
              ElementsAre("", "", "x-"));
}

TEST(DecoderTest, OtherTypesAreRefusedByName) {
  for (const char* type : {"BPEDecoder", "WordPiece", "CTC", "Surprise"}) {
    const absl::Status status =
        Parse(absl::StrCat(R"({"type": ")", type, "\"}")).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 ErrorReason::kBaseFeature));
    EXPECT_THAT(status, MessageIs(HasSubstr(type)));
  }
}

TEST(DecoderTest, MalformedSpecsAreRefused) {
  for (const char* spec :
       {"7", "{}", R"({"type": "Replace"})", R"({"type": "Strip"})",
        R"({"type": "Strip", "content": "ab", "start": 0, "stop": 0})",
        R"({"type": "Strip", "content": " ", "start": -1, "stop": 0})",
        R"({"type": "Metaspace"})", R"({"type": "Sequence"})",
        R"({"type": "Sequence", "decoders": [7]})"}) {
    EXPECT_THAT(Parse(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                      ErrorReason::kBase))
        << spec;
  }
}

}  // namespace
}  // namespace lora
