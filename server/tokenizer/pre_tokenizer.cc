// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/pre_tokenizer.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/byte_level.h"
#include "server/tokenizer/pattern.h"
#include "server/tokenizer/spec_reader.h"
#include "server/tokenizer/split_behavior.h"
#include "server/tokenizer/unicode.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;
using Pieces = std::vector<TextPiece>;

// The expression that ByteLevel cuts with unless it is told not to.
constexpr absl::string_view kByteLevelRegex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+)"
    R"(| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// Words, or runs of what is neither in words nor white space. Not quite what
// \w means in expressions.
constexpr absl::string_view kWhitespaceRegex =
    "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\u200C\u200D]+"
    "|[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\u200C\u200D\\s]+";

void AppendSpans(const TextPiece& piece, const std::vector<MatchSpan>& spans,
                 Pieces& out) {
  for (const MatchSpan& span : spans) {
    if (span.begin == span.end) continue;
    out.push_back({piece.text.substr(span.begin, span.end - span.begin),
                   piece.begins_input && span.begin == 0});
  }
}

class SequencePreTokenizer final : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<PreTokenizerPtr> steps)
      : steps_(std::move(steps)) {}

  absl::StatusOr<Pieces> Cut(Pieces pieces) const override {
    for (const PreTokenizerPtr& step : steps_) {
      LORA_ASSIGN_OR_RETURN(pieces, step->Cut(std::move(pieces)));
    }
    return pieces;
  }

 private:
  const std::vector<PreTokenizerPtr> steps_;
};

// Cuts at the matches of a pattern, or, inverted, at what does not match.
class SplitPreTokenizer final : public PreTokenizer {
 public:
  struct Rule {
    SplitBehavior behavior;
    bool invert;
  };

  SplitPreTokenizer(Pattern pattern, Rule rule)
      : pattern_(std::move(pattern)), rule_(rule) {}

  absl::StatusOr<Pieces> Cut(Pieces pieces) const override {
    Pieces out;
    for (const TextPiece& piece : pieces) {
      LORA_ASSIGN_OR_RETURN(std::vector<MatchSpan> spans,
                            pattern_.Cut(piece.text));
      if (rule_.invert) {
        for (MatchSpan& span : spans) span.is_match = !span.is_match;
      }
      AppendSpans(piece, ApplySplitBehavior(std::move(spans), rule_.behavior),
                  out);
    }
    return out;
  }

 private:
  const Pattern pattern_;
  const Rule rule_;
};

// Cuts at single characters of a class.
class CharacterPreTokenizer final : public PreTokenizer {
 public:
  CharacterPreTokenizer(bool (*is_delimiter)(char32_t), SplitBehavior behavior)
      : is_delimiter_(is_delimiter), behavior_(behavior) {}

  absl::StatusOr<Pieces> Cut(Pieces pieces) const override {
    Pieces out;
    for (const TextPiece& piece : pieces) {
      AppendSpans(piece, ApplySplitBehavior(Spans(piece.text), behavior_), out);
    }
    return out;
  }

 private:
  std::vector<MatchSpan> Spans(absl::string_view text) const {
    std::vector<MatchSpan> spans;
    for (size_t begin = 0; begin < text.size();) {
      const Utf8Head head = ReadUtf8(text.substr(begin));
      const size_t end = begin + head.length;
      const bool is_match = is_delimiter_(head.code_point);
      if (!is_match && !spans.empty() && !spans.back().is_match) {
        spans.back().end = end;
      } else {
        spans.push_back({begin, end, is_match});
      }
      begin = end;
    }
    return spans;
  }

  bool (*const is_delimiter_)(char32_t);
  const SplitBehavior behavior_;
};

class ByteLevelPreTokenizer final : public PreTokenizer {
 public:
  // `splitter` may be null: pieces stay whole.
  ByteLevelPreTokenizer(bool add_prefix_space, PreTokenizerPtr splitter)
      : add_prefix_space_(add_prefix_space), splitter_(std::move(splitter)) {}

  absl::StatusOr<Pieces> Cut(Pieces pieces) const override {
    if (add_prefix_space_) {
      for (TextPiece& piece : pieces) {
        if (!absl::StartsWith(piece.text, " ")) piece.text.insert(0, " ");
      }
    }
    if (splitter_ != nullptr) {
      LORA_ASSIGN_OR_RETURN(pieces, splitter_->Cut(std::move(pieces)));
    }
    for (TextPiece& piece : pieces) piece.text = ToByteLevel(piece.text);
    return pieces;
  }

 private:
  const bool add_prefix_space_;
  const PreTokenizerPtr splitter_;
};

class MetaspacePreTokenizer final : public PreTokenizer {
 public:
  enum class Prepend { kAlways, kFirst, kNever };

  MetaspacePreTokenizer(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)),
        prepend_(prepend),
        split_(split),
        pattern_(Pattern::Literal(replacement_)) {}

  absl::StatusOr<Pieces> Cut(Pieces pieces) const override {
    Pieces out;
    for (TextPiece& piece : pieces) {
      piece.text = absl::StrReplaceAll(piece.text, {{" ", replacement_}});
      if (Prepends(piece)) piece.text.insert(0, replacement_);
      if (!split_) {
        out.push_back(std::move(piece));
        continue;
      }
      LORA_ASSIGN_OR_RETURN(std::vector<MatchSpan> spans,
                            pattern_.Cut(piece.text));
      AppendSpans(
          piece,
          ApplySplitBehavior(std::move(spans), SplitBehavior::kMergedWithNext),
          out);
    }
    return out;
  }

 private:
  bool Prepends(const TextPiece& piece) const {
    if (absl::StartsWith(piece.text, replacement_)) return false;
    return prepend_ == Prepend::kAlways ||
           (prepend_ == Prepend::kFirst && piece.begins_input);
  }

  const std::string replacement_;
  const Prepend prepend_;
  const bool split_;
  const Pattern pattern_;
};

absl::StatusOr<PreTokenizerPtr> MakeRegexSplit(absl::string_view regex,
                                               SplitPreTokenizer::Rule rule) {
  LORA_ASSIGN_OR_RETURN(Pattern pattern,
                        Pattern::Parse(Json{{"Regex", std::string(regex)}}));
  return std::make_unique<SplitPreTokenizer>(std::move(pattern), rule);
}

absl::StatusOr<PreTokenizerPtr> ParseSequence(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(const Json* specs, reader.Array("pretokenizers"));
  std::vector<PreTokenizerPtr> steps;
  for (const Json& spec : *specs) {
    LORA_ASSIGN_OR_RETURN(PreTokenizerPtr step, PreTokenizer::Parse(spec));
    steps.push_back(std::move(step));
  }
  return std::make_unique<SequencePreTokenizer>(std::move(steps));
}

absl::StatusOr<PreTokenizerPtr> ParseSplit(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(const Json* spec, reader.Object("pattern"));
  LORA_ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(*spec));
  LORA_ASSIGN_OR_RETURN(const std::string name, reader.String("behavior"));
  const std::optional<SplitBehavior> behavior = ParseSplitBehavior(name);
  if (!behavior.has_value()) {
    return UnsupportedComponent("a Split behavior", name);
  }
  LORA_ASSIGN_OR_RETURN(const bool invert, reader.BoolOr("invert", false));
  return std::make_unique<SplitPreTokenizer>(
      std::move(pattern),
      SplitPreTokenizer::Rule{.behavior = *behavior, .invert = invert});
}

absl::StatusOr<PreTokenizerPtr> ParseByteLevel(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(const bool add_prefix_space,
                        reader.BoolOr("add_prefix_space", true));
  LORA_ASSIGN_OR_RETURN(const bool use_regex, reader.BoolOr("use_regex", true));
  PreTokenizerPtr splitter;
  if (use_regex) {
    LORA_ASSIGN_OR_RETURN(
        splitter,
        MakeRegexSplit(kByteLevelRegex, {.behavior = SplitBehavior::kIsolated,
                                         .invert = false}));
  }
  return std::make_unique<ByteLevelPreTokenizer>(add_prefix_space,
                                                 std::move(splitter));
}

absl::StatusOr<PreTokenizerPtr> ParseMetaspace(const SpecReader& reader) {
  using Prepend = MetaspacePreTokenizer::Prepend;
  LORA_ASSIGN_OR_RETURN(std::string replacement, reader.String("replacement"));
  if (CountUtf8(replacement) != 1) {
    return reader.FieldError("replacement", "one character");
  }
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> scheme,
                        reader.OptionalString("prepend_scheme"));
  LORA_ASSIGN_OR_RETURN(const bool add_prefix_space,
                        reader.BoolOr("add_prefix_space", true));
  LORA_ASSIGN_OR_RETURN(const bool split, reader.BoolOr("split", true));
  Prepend prepend = Prepend::kAlways;
  if (scheme == "never" || (!scheme.has_value() && !add_prefix_space)) {
    prepend = Prepend::kNever;
  } else if (scheme == "first") {
    prepend = Prepend::kFirst;
  } else if (scheme.has_value() && scheme != "always") {
    return reader.FieldError("prepend_scheme", "always, first or never");
  }
  return std::make_unique<MetaspacePreTokenizer>(std::move(replacement),
                                                 prepend, split);
}

}  // namespace

absl::StatusOr<PreTokenizerPtr> PreTokenizer::Parse(const Json& spec) {
  if (spec.is_null()) {
    return std::make_unique<SequencePreTokenizer>(
        std::vector<PreTokenizerPtr>());
  }
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(spec, "pre_tokenizer"));
  LORA_ASSIGN_OR_RETURN(const std::string type, reader.String("type"));
  if (type == "Sequence") return ParseSequence(reader);
  if (type == "Split") return ParseSplit(reader);
  if (type == "ByteLevel") return ParseByteLevel(reader);
  if (type == "Metaspace") return ParseMetaspace(reader);
  if (type == "Digits") {
    LORA_ASSIGN_OR_RETURN(const bool individual,
                          reader.BoolOr("individual_digits", false));
    return std::make_unique<CharacterPreTokenizer>(
        &IsNumeric,
        individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  if (type == "Whitespace") {
    return MakeRegexSplit(
        kWhitespaceRegex,
        {.behavior = SplitBehavior::kRemoved, .invert = true});
  }
  if (type == "WhitespaceSplit") {
    return std::make_unique<CharacterPreTokenizer>(&IsWhiteSpace,
                                                   SplitBehavior::kRemoved);
  }
  return UnsupportedComponent("a pre_tokenizer", type);
}

}  // namespace lora
