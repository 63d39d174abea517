// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/pre_tokenizer.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<const PreTokenizer>> Parse(
    absl::string_view spec) {
  LORA_ASSIGN_OR_RETURN(const Json json, ParseJson(spec));
  return PreTokenizer::Parse(json);
}

// The words of one piece, in brackets; "^" marks where the input begins.
absl::StatusOr<std::string> Cut(absl::string_view spec, std::string text,
                                bool begins_input = true) {
  LORA_ASSIGN_OR_RETURN(const auto pre_tokenizer, Parse(spec));
  LORA_ASSIGN_OR_RETURN(const std::vector<TextPiece> pieces,
                        pre_tokenizer->Cut({{.text = std::move(text),
                                             .begins_input = begins_input}}));
  std::string out;
  for (const TextPiece& piece : pieces) {
    absl::StrAppend(&out, piece.begins_input ? "^" : "", "[", piece.text, "]");
  }
  return out;
}

std::string SplitSpec(absl::string_view behavior, absl::string_view invert) {
  return absl::StrCat(R"({"type": "Split", "pattern": {"String": "-"},)",
                      R"("behavior": ")", behavior, R"(", "invert": )", invert,
                      "}");
}

TEST(PreTokenizerTest, NullLeavesPiecesWhole) {
  EXPECT_THAT(Cut("null", "a b"), IsOkAndHolds("^[a b]"));
}

TEST(PreTokenizerTest, SplitFollowsItsBehavior) {
  EXPECT_THAT(Cut(SplitSpec("Isolated", "false"), "a--b"),
              IsOkAndHolds("^[a][-][-][b]"));
  EXPECT_THAT(Cut(SplitSpec("Removed", "false"), "a--b"),
              IsOkAndHolds("^[a][b]"));
  EXPECT_THAT(Cut(SplitSpec("MergedWithNext", "false"), "a--b"),
              IsOkAndHolds("^[a][-][-b]"));
}

TEST(PreTokenizerTest, AnInvertedSplitSwapsMatchesAndTheRest) {
  EXPECT_THAT(Cut(SplitSpec("Removed", "true"), "a-b-"),
              IsOkAndHolds("[-][-]"));
  EXPECT_THAT(Cut(SplitSpec("Contiguous", "true"), "ab--"),
              IsOkAndHolds("^[ab][--]"));
}

TEST(PreTokenizerTest, ByteLevelCutsWordsAndMapsTheirBytes) {
  EXPECT_THAT(
      Cut(R"({"type": "ByteLevel", "add_prefix_space": false})", "it's é"),
      IsOkAndHolds("^[it]['s][ĠÃ©]"));
  EXPECT_THAT(Cut(R"({"type": "ByteLevel", "add_prefix_space": true})", "a b"),
              IsOkAndHolds("^[Ġa][Ġb]"));
  EXPECT_THAT(Cut(R"({"type": "ByteLevel", "add_prefix_space": true,
                      "use_regex": false})",
                  " a b"),
              IsOkAndHolds("^[ĠaĠb]"));
}

TEST(PreTokenizerTest, MetaspacePrependsByItsScheme) {
  const auto cut = [](absl::string_view scheme, std::string text,
                      bool begins_input) {
    return Cut(absl::StrCat(R"({"type": "Metaspace", "replacement": "▁",
                                "split": true, "prepend_scheme": ")",
                            scheme, "\"}"),
               std::move(text), begins_input);
  };
  EXPECT_THAT(cut("always", "a b", false), IsOkAndHolds("[▁a][▁b]"));
  EXPECT_THAT(cut("always", " a", false), IsOkAndHolds("[▁a]"));
  EXPECT_THAT(cut("first", "a b", true), IsOkAndHolds("^[▁a][▁b]"));
  EXPECT_THAT(cut("first", "a b", false), IsOkAndHolds("[a][▁b]"));
  EXPECT_THAT(cut("never", "a  b", true), IsOkAndHolds("^[a][▁][▁b]"));
}

TEST(PreTokenizerTest, MetaspaceReadsOlderFiles) {
  EXPECT_THAT(Cut(R"({"type": "Metaspace", "replacement": "_",
                      "add_prefix_space": true, "split": false})",
                  "a b"),
              IsOkAndHolds("^[_a_b]"));
  EXPECT_THAT(Cut(R"({"type": "Metaspace", "replacement": "_",
                      "add_prefix_space": false})",
                  "a b"),
              IsOkAndHolds("^[a][_b]"));
}

TEST(PreTokenizerTest, DigitsWordsAndSpacesAreCut) {
  EXPECT_THAT(Cut(R"({"type": "Digits", "individual_digits": true})", "a12b"),
              IsOkAndHolds("^[a][1][2][b]"));
  EXPECT_THAT(Cut(R"({"type": "Digits", "individual_digits": false})", "a1½b"),
              IsOkAndHolds("^[a][1½][b]"));
  EXPECT_THAT(Cut(R"({"type": "Whitespace"})", "ab_1 c!?\u200Dd"),
              IsOkAndHolds("^[ab_1][c][!?][\u200Dd]"));
  EXPECT_THAT(Cut(R"({"type": "WhitespaceSplit"})", " a-b\u3000c "),
              IsOkAndHolds("[a-b][c]"));
}

TEST(PreTokenizerTest, SequencesCutWhatIsCut) {
  EXPECT_THAT(Cut(R"({"type": "Sequence", "pretokenizers": [
                    {"type": "WhitespaceSplit"},
                    {"type": "Digits", "individual_digits": true}]})",
                  "a1 b"),
              IsOkAndHolds("^[a][1][b]"));
}

TEST(PreTokenizerTest, OtherTypesAreRefusedByName) {
  for (const char* type :
       {"BertPreTokenizer", "UnicodeScripts", "Punctuation", "Surprise"}) {
    const absl::Status status =
        Parse(absl::StrCat(R"({"type": ")", type, "\"}")).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 ErrorReason::kBaseFeature));
    EXPECT_THAT(status, MessageIs(HasSubstr(type)));
  }
  EXPECT_THAT(Parse(SplitSpec("Shuffled", "false")),
              MessageIs(HasSubstr("Shuffled")));
}

TEST(PreTokenizerTest, MalformedSpecsAreRefused) {
  for (const char* spec :
       {"7", "{}", R"({"type": "Split"})",
        R"({"type": "Split", "pattern": {"String": "a"}})",
        R"({"type": "Split", "pattern": 1, "behavior": "Isolated"})",
        R"({"type": "Metaspace"})",
        R"({"type": "Metaspace", "replacement": "ab"})",
        R"({"type": "Metaspace", "replacement": "▁",
            "prepend_scheme": "maybe"})",
        R"({"type": "ByteLevel", "add_prefix_space": "yes"})",
        R"({"type": "Sequence", "pretokenizers": {}})"}) {
    EXPECT_THAT(Parse(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                      ErrorReason::kBase))
        << spec;
  }
}

}  // namespace
}  // namespace lora
