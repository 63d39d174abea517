// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "server/tokenizer/incremental_detokenizer.h"
#include "server/tokenizer/tokenizer.h"
#include "server/tokenizer/utf8.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

// A tokenizer of every kind of component, small enough to be mutated often.
constexpr absl::string_view kSeed = R"json({
  "added_tokens": [
    {"id": 9, "content": "<s>", "special": true, "lstrip": true,
     "rstrip": true, "single_word": true, "normalized": false}],
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "NFKC"}, {"type": "Prepend", "prepend": "_"},
    {"type": "Strip", "strip_left": true, "strip_right": false},
    {"type": "Replace", "pattern": {"Regex": "[ \\s]+"}, "content": "_"}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|\\w+(?!\\S)"},
     "behavior": "MergedWithNext", "invert": false},
    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"},
    {"type": "Digits", "individual_digits": true}]},
  "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true,
    "byte_fallback": true, "vocab": {"<unk>": 0, "_": 1, "a": 2, "b": 3,
    "_a": 4, "ab": 5, "<0x41>": 6}, "merges": [["_", "a"], "a b"]},
  "post_processor": {"type": "TemplateProcessing", "single": [
    {"SpecialToken": {"id": "<s>", "type_id": 0}},
    {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [9]}}},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "_"}, "content": " "},
    {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 1}]}
})json";

// What a mutation may put in: what the grammar is made of, and bytes.
constexpr absl::string_view kScraps[] = {
    "null", "{}",   "[]",       "\"\"",     "-1",  "1e99", "16777216", "true",
    "\"",   "{",    "}",        "[",        "]",   ",",    ":",        "\\",
    "(",    "\xFF", "\xC3\xA9", "\"type\"", "a b", "9999", "Sequence", "(?"};

// Changes one letter or digit into another: most results still parse.
void ChangeWord(std::string& text, std::mt19937& random) {
  constexpr absl::string_view kLetters = "abcFLNPSsT019_";
  const size_t at = random() % text.size();
  if (absl::ascii_isalnum(text[at])) {
    text[at] = kLetters[random() % kLetters.size()];
  }
}

// Changes the grammar: most results no longer parse.
void ChangeShape(std::string& text, std::mt19937& random) {
  const auto position = [&] { return random() % (text.size() + 1); };
  const size_t at = position();
  switch (random() % 4) {
    case 0:
      text.erase(at, random() % 20);
      break;
    case 1:
      text.insert(at, std::string(kScraps[random() % std::size(kScraps)]));
      break;
    case 2:
      text[at % text.size()] = static_cast<char>(random());
      break;
    default:
      text.insert(at, text.substr(position(), random() % 40));
      break;
  }
}

std::string Mutate(std::string text, std::mt19937& random) {
  if (random() % 2 == 0) ChangeShape(text, random);
  for (int i = static_cast<int>(random() % 4); i > 0; --i) {
    ChangeWord(text, random);
  }
  return text;
}

void Exercise(const Tokenizer& tokenizer, std::mt19937& random) {
  for (const absl::string_view text : {"", " a<s> b12 é😀\n_ab", "A\xFF"}) {
    const auto ids = tokenizer.Encode(text, SpecialTokens::kAdd);
    if (ids.ok()) tokenizer.Decode(*ids, SkipSpecial::kYes);
  }
  IncrementalDetokenizer detokenizer(tokenizer);
  for (int i = 0; i < 8; ++i) {
    const auto id = static_cast<int32_t>(random() % 12) - 1;
    EXPECT_TRUE(IsValidUtf8(detokenizer.Append(id)));
  }
  EXPECT_TRUE(IsValidUtf8(detokenizer.Flush()));
}

TEST(TokenizerFuzzTest, MutatedFilesLoadOrAreRefused) {
  std::mt19937 random(1);
  TemporaryFolder folder;
  int num_loaded = 0;
  for (int round = 0; round < 1500; ++round) {
    const std::string text = Mutate(std::string(kSeed), random);
    folder.Write("tokenizer.json", text);
    const auto tokenizer = Tokenizer::Load(folder.string());
    if (!tokenizer.ok()) {
      EXPECT_TRUE(absl::IsInvalidArgument(tokenizer.status()) ||
                  absl::IsUnimplemented(tokenizer.status()))
          << tokenizer.status() << "\n"
          << text;
      continue;
    }
    ++num_loaded;
    Exercise(**tokenizer, random);
  }
  // The seed has to survive often enough for this to test anything.
  EXPECT_GT(num_loaded, 50);
}

TEST(TokenizerFuzzTest, MutatedConfigsLoadOrAreRefused) {
  constexpr absl::string_view kConfig = R"({"bos_token": "<s>", "eos_token":
    {"__type": "AddedToken", "content": "</s>", "lstrip": true},
    "added_tokens_decoder": {"11": {"content": "<x>", "special": true}},
    "extra_special_tokens": ["<y>"], "chat_template": [{"name": "default",
    "template": "{% for m in messages %}{{ m.content }}{% endfor %}"}]})";
  std::mt19937 random(2);
  TemporaryFolder folder;
  folder.Write("tokenizer.json", kSeed);
  for (int round = 0; round < 1000; ++round) {
    folder.Write("tokenizer_config.json", Mutate(std::string(kConfig), random));
    const auto tokenizer = Tokenizer::Load(folder.string());
    if (!tokenizer.ok()) {
      EXPECT_TRUE(absl::IsInvalidArgument(tokenizer.status()))
          << tokenizer.status();
      continue;
    }
    Exercise(**tokenizer, random);
    if ((*tokenizer)->chat_template() == nullptr) continue;
    (void)(*tokenizer)->RenderChat({.messages = {{"user", "hi"}}});
  }
}

TEST(TokenizerFuzzTest, RandomBytesAreRefused) {
  std::mt19937 random(3);
  TemporaryFolder folder;
  for (int round = 0; round < 200; ++round) {
    std::string text(random() % 200, '\0');
    for (char& c : text) c = static_cast<char>(random());
    folder.Write("tokenizer.json", text);
    EXPECT_THAT(Tokenizer::Load(folder.string()),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(TokenizerFuzzTest, RandomTextsSurviveTheRoundTrip) {
  const auto tokenizer = Tokenizer::Load("tests/golden/tokenizer/gpt2");
  ASSERT_THAT(tokenizer, IsOk());
  std::mt19937 random(4);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (int i = static_cast<int>(random() % 40); i >= 0; --i) {
      const char32_t c = random() % (random() % 2 == 0 ? 0x80 : 0x110000);
      if (c < 0xD800 || c > 0xDFFF) AppendUtf8(c, text);
    }
    const auto ids = (*tokenizer)->Encode(text, SpecialTokens::kNone);
    ASSERT_THAT(ids, IsOk());
    EXPECT_EQ((*tokenizer)->Decode(*ids, SkipSpecial::kNo), text);
  }
}

}  // namespace
}  // namespace lora
