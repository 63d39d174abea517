// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/decoder_step.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/byte_level.h"
#include "server/tokenizer/pattern.h"
#include "server/tokenizer/spec_reader.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

using StepPtr = std::unique_ptr<const DecoderStep>;
using SinkPtr = std::unique_ptr<PieceSink>;

// A sink that treats tokens whole: collects the chunks of each.
class WholeTokenSink : public PieceSink {
 public:
  explicit WholeTokenSink(PieceSink* next) : next_(*next) {}

  void Text(absl::string_view chunk) final { absl::StrAppend(&token_, chunk); }
  void EndToken() final {
    Token(token_);
    token_.clear();
  }
  void Finish() override { next_.Finish(); }
  bool HoldsText() const override { return !token_.empty(); }

 protected:
  virtual void Token(absl::string_view token) = 0;

  void Emit(absl::string_view token) {
    next_.Text(token);
    next_.EndToken();
  }

  PieceSink& next_;

 private:
  std::string token_;
};

// A step whose state is a Sink made from its own settings.
template <typename Sink, typename Settings>
class StepOf final : public DecoderStep {
 public:
  explicit StepOf(Settings settings) : settings_(std::move(settings)) {}

  SinkPtr Start(PieceSink* next, ByteRuns byte_runs) const override {
    return std::make_unique<Sink>(next, settings_, byte_runs);
  }

 private:
  const Settings settings_;
};

template <typename Sink, typename Settings>
StepPtr MakeStep(Settings settings) {
  return std::make_unique<StepOf<Sink, Settings>>(std::move(settings));
}

struct NoSettings {};

class SpaceJoinSink final : public WholeTokenSink {
 public:
  SpaceJoinSink(PieceSink* next, NoSettings, ByteRuns) : WholeTokenSink(next) {}

 private:
  void Token(absl::string_view token) override {
    if (!std::exchange(is_first_, false)) next_.Text(" ");
    Emit(token);
  }

  bool is_first_ = true;
};

struct ReplaceSettings {
  Pattern pattern;
  std::string content;
};

class ReplaceSink final : public WholeTokenSink {
 public:
  ReplaceSink(PieceSink* next, const ReplaceSettings& settings, ByteRuns)
      : WholeTokenSink(next), settings_(settings) {}

 private:
  void Token(absl::string_view token) override {
    const absl::StatusOr<std::string> replaced =
        settings_.pattern.Replace(token, settings_.content);
    // A token that is too much for the expression stays as it is.
    Emit(replaced.ok() ? absl::string_view(*replaced) : token);
  }

  const ReplaceSettings& settings_;
};

// Joins all tokens into one.
class FuseSink final : public PieceSink {
 public:
  FuseSink(PieceSink* next, NoSettings, ByteRuns) : next_(*next) {}

  void Text(absl::string_view chunk) override { next_.Text(chunk); }
  void EndToken() override {}
  void Finish() override {
    next_.EndToken();
    next_.Finish();
  }

 private:
  PieceSink& next_;
};

struct MetaspaceSettings {
  std::string replacement;
  bool drop_in_first_token;
};

class MetaspaceSink final : public WholeTokenSink {
 public:
  MetaspaceSink(PieceSink* next, const MetaspaceSettings& settings, ByteRuns)
      : WholeTokenSink(next), settings_(settings) {}

 private:
  void Token(absl::string_view token) override {
    const bool drop =
        std::exchange(is_first_, false) && settings_.drop_in_first_token;
    Emit(
        absl::StrReplaceAll(token, {{settings_.replacement, drop ? "" : " "}}));
  }

  const MetaspaceSettings& settings_;
  bool is_first_ = true;
};

class ByteLevelSink final : public WholeTokenSink {
 public:
  ByteLevelSink(PieceSink* next, NoSettings, ByteRuns) : WholeTokenSink(next) {}

  void Finish() override {
    if (!pending_.empty()) next_.Text(kReplacementCharacter);
    next_.EndToken();
    next_.Finish();
  }
  bool HoldsText() const override {
    return !pending_.empty() || WholeTokenSink::HoldsText();
  }

 private:
  void Token(absl::string_view token) override {
    const std::optional<std::string> bytes = FromByteLevel(token);
    // A token outside the alphabet (an added token) is its own text.
    absl::StrAppend(&pending_,
                    bytes.has_value() ? absl::string_view(*bytes) : token);
    absl::string_view rest = pending_;
    std::string text;
    while (!rest.empty()) {
      const Utf8Head head = ReadUtf8(rest);
      if (head.kind == Utf8Kind::kTruncated) break;
      absl::StrAppend(&text, head.kind == Utf8Kind::kCharacter
                                 ? rest.substr(0, head.length)
                                 : kReplacementCharacter);
      rest.remove_prefix(head.length);
    }
    pending_ = std::string(rest);
    if (!text.empty()) next_.Text(text);
  }

  std::string pending_;  // The beginning of a character; at most 3 bytes.
};

// The byte of "<0x0A>".
std::optional<char> ByteOfToken(absl::string_view token) {
  if (token.size() != 6 || !absl::StartsWith(token, "<0x") || token[5] != '>' ||
      !absl::ascii_isxdigit(token[3]) || !absl::ascii_isxdigit(token[4])) {
    return std::nullopt;
  }
  uint32_t byte = 0;
  (void)absl::SimpleHexAtoi(token.substr(3, 2), &byte);
  return static_cast<char>(byte);
}

class ByteFallbackSink final : public WholeTokenSink {
 public:
  ByteFallbackSink(PieceSink* next, NoSettings, ByteRuns byte_runs)
      : WholeTokenSink(next), byte_runs_(byte_runs) {}

  void Finish() override {
    EndRun();
    next_.Finish();
  }
  bool HoldsText() const override {
    return !run_.empty() || WholeTokenSink::HoldsText();
  }

 private:
  void Token(absl::string_view token) override {
    const std::optional<char> byte = ByteOfToken(token);
    if (!byte.has_value()) {
      EndRun();
      Emit(token);
      return;
    }
    run_.push_back(*byte);
    if (byte_runs_ == ByteRuns::kEager) EmitCharacter();
  }

  // Emits the run as far as it is decided, which is at every byte: the run
  // holds one unfinished character at most.
  void EmitCharacter() {
    const Utf8Kind kind = ReadUtf8(run_).kind;
    if (kind == Utf8Kind::kTruncated && !is_broken_) return;
    is_broken_ = is_broken_ || kind == Utf8Kind::kInvalid;
    EmitRun();
  }

  void EmitRun() {
    if (!is_broken_ && IsValidUtf8(run_)) {
      Emit(run_);
    } else {
      for (size_t i = 0; i < run_.size(); ++i) Emit(kReplacementCharacter);
    }
    run_.clear();
  }

  void EndRun() {
    if (!run_.empty()) EmitRun();
    is_broken_ = false;
  }

  const ByteRuns byte_runs_;
  std::string run_;
  bool is_broken_ = false;  // A byte of this run was no part of a character.
};

struct StripSettings {
  std::string content;  // One character.
  size_t start;
  size_t stop;
};

// Removes up to `start` leading and `stop` trailing characters of a token.
class StripSink final : public PieceSink {
 public:
  StripSink(PieceSink* next, const StripSettings& settings, ByteRuns)
      : next_(*next), settings_(settings) {}

  void Text(absl::string_view chunk) override {
    while (num_stripped_ < settings_.start &&
           absl::ConsumePrefix(&chunk, settings_.content)) {
      ++num_stripped_;
    }
    if (chunk.empty()) return;
    num_stripped_ = settings_.start;
    if (settings_.stop == 0) {
      next_.Text(chunk);
      return;
    }
    absl::StrAppend(&held_, chunk);
    // All but the trailing run of the character is certain, and of the run
    // all but its last `stop`.
    absl::string_view certain = held_;
    for (size_t i = 0; i < settings_.stop; ++i) {
      if (!absl::ConsumeSuffix(&certain, settings_.content)) break;
    }
    next_.Text(certain);
    held_.erase(0, certain.size());
  }

  void EndToken() override {
    held_.clear();
    num_stripped_ = 0;
    next_.EndToken();
  }

  void Finish() override { next_.Finish(); }
  bool HoldsText() const override { return !held_.empty(); }

 private:
  PieceSink& next_;
  const StripSettings& settings_;
  size_t num_stripped_ = 0;
  std::string held_;  // May turn out to be the end of the token.
};

absl::StatusOr<std::string> ReadCharacter(const SpecReader& reader,
                                          absl::string_view name) {
  LORA_ASSIGN_OR_RETURN(std::string text, reader.String(name));
  if (CountUtf8(text) != 1) return reader.FieldError(name, "one character");
  return text;
}

absl::StatusOr<StepPtr> ParseReplace(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(const Json* spec, reader.Object("pattern"));
  LORA_ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(*spec));
  LORA_ASSIGN_OR_RETURN(std::string content, reader.String("content"));
  return MakeStep<ReplaceSink>(
      ReplaceSettings{std::move(pattern), std::move(content)});
}

absl::StatusOr<StepPtr> ParseStrip(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(std::string content, ReadCharacter(reader, "content"));
  LORA_ASSIGN_OR_RETURN(const int32_t start, reader.Id("start"));
  LORA_ASSIGN_OR_RETURN(const int32_t stop, reader.Id("stop"));
  return MakeStep<StripSink>(StripSettings{std::move(content),
                                           static_cast<size_t>(start),
                                           static_cast<size_t>(stop)});
}

absl::StatusOr<StepPtr> ParseMetaspace(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(std::string replacement,
                        ReadCharacter(reader, "replacement"));
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> scheme,
                        reader.OptionalString("prepend_scheme"));
  LORA_ASSIGN_OR_RETURN(const bool add_prefix_space,
                        reader.BoolOr("add_prefix_space", true));
  return MakeStep<MetaspaceSink>(MetaspaceSettings{
      std::move(replacement),
      scheme.has_value() ? *scheme != "never" : add_prefix_space});
}

}  // namespace

absl::StatusOr<StepPtr> ParseDecoderStep(const Json& spec) {
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(spec, "decoder"));
  LORA_ASSIGN_OR_RETURN(const std::string type, reader.String("type"));
  if (type == "ByteLevel") return MakeStep<ByteLevelSink>(NoSettings{});
  if (type == "ByteFallback") return MakeStep<ByteFallbackSink>(NoSettings{});
  if (type == "Fuse") return MakeStep<FuseSink>(NoSettings{});
  if (type == "Replace") return ParseReplace(reader);
  if (type == "Strip") return ParseStrip(reader);
  if (type == "Metaspace") return ParseMetaspace(reader);
  return UnsupportedComponent("a decoder", type);
}

StepPtr MakeSpaceJoinStep() { return MakeStep<SpaceJoinSink>(NoSettings{}); }

}  // namespace lora
