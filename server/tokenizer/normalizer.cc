// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/normalizer.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/pattern.h"
#include "server/tokenizer/spec_reader.h"
#include "server/tokenizer/unicode.h"

namespace lora {
namespace {

using NormalizerPtr = std::unique_ptr<const Normalizer>;

class SequenceNormalizer final : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<NormalizerPtr> steps)
      : steps_(std::move(steps)) {}

  absl::StatusOr<std::string> Normalize(std::string text) const override {
    for (const NormalizerPtr& step : steps_) {
      LORA_ASSIGN_OR_RETURN(text, step->Normalize(std::move(text)));
    }
    return text;
  }

 private:
  const std::vector<NormalizerPtr> steps_;
};

class UnicodeNormalizer final : public Normalizer {
 public:
  explicit UnicodeNormalizer(NormalizationForm form) : form_(form) {}

  absl::StatusOr<std::string> Normalize(std::string text) const override {
    return NormalizeUnicode(text, form_);
  }

 private:
  const NormalizationForm form_;
};

class LowercaseNormalizer final : public Normalizer {
 public:
  absl::StatusOr<std::string> Normalize(std::string text) const override {
    return ToLowerCase(text);
  }
};

class StripNormalizer final : public Normalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}

  absl::StatusOr<std::string> Normalize(std::string text) const override {
    absl::string_view rest = text;
    if (left_) rest.remove_prefix(LeadingWhiteSpace(rest));
    if (right_) rest.remove_suffix(TrailingWhiteSpace(rest));
    return std::string(rest);
  }

 private:
  const bool left_;
  const bool right_;
};

class PrependNormalizer final : public Normalizer {
 public:
  explicit PrependNormalizer(std::string prefix) : prefix_(std::move(prefix)) {}

  absl::StatusOr<std::string> Normalize(std::string text) const override {
    if (!text.empty()) text.insert(0, prefix_);
    return text;
  }

 private:
  const std::string prefix_;
};

class ReplaceNormalizer final : public Normalizer {
 public:
  ReplaceNormalizer(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  absl::StatusOr<std::string> Normalize(std::string text) const override {
    return pattern_.Replace(text, content_);
  }

 private:
  const Pattern pattern_;
  const std::string content_;
};

absl::StatusOr<NormalizerPtr> ParseSequence(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(const Json* specs, reader.Array("normalizers"));
  std::vector<NormalizerPtr> steps;
  for (const Json& spec : *specs) {
    LORA_ASSIGN_OR_RETURN(NormalizerPtr step, Normalizer::Parse(spec));
    steps.push_back(std::move(step));
  }
  return std::make_unique<SequenceNormalizer>(std::move(steps));
}

std::optional<NormalizationForm> FormOf(absl::string_view type) {
  if (type == "NFC") return NormalizationForm::kNfc;
  if (type == "NFD") return NormalizationForm::kNfd;
  if (type == "NFKC") return NormalizationForm::kNfkc;
  if (type == "NFKD") return NormalizationForm::kNfkd;
  return std::nullopt;
}

}  // namespace

absl::StatusOr<NormalizerPtr> Normalizer::Parse(const Json& spec) {
  if (spec.is_null()) {
    return std::make_unique<SequenceNormalizer>(std::vector<NormalizerPtr>());
  }
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(spec, "normalizer"));
  LORA_ASSIGN_OR_RETURN(const std::string type, reader.String("type"));
  if (type == "Sequence") return ParseSequence(reader);
  if (const std::optional<NormalizationForm> form = FormOf(type)) {
    return std::make_unique<UnicodeNormalizer>(*form);
  }
  if (type == "Lowercase") return std::make_unique<LowercaseNormalizer>();
  if (type == "Strip") {
    LORA_ASSIGN_OR_RETURN(const bool left, reader.Bool("strip_left"));
    LORA_ASSIGN_OR_RETURN(const bool right, reader.Bool("strip_right"));
    return std::make_unique<StripNormalizer>(left, right);
  }
  if (type == "Prepend") {
    LORA_ASSIGN_OR_RETURN(std::string prefix, reader.String("prepend"));
    return std::make_unique<PrependNormalizer>(std::move(prefix));
  }
  if (type == "Replace") {
    LORA_ASSIGN_OR_RETURN(const Json* spec_pattern, reader.Object("pattern"));
    LORA_ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(*spec_pattern));
    LORA_ASSIGN_OR_RETURN(std::string content, reader.String("content"));
    return std::make_unique<ReplaceNormalizer>(std::move(pattern),
                                               std::move(content));
  }
  return UnsupportedComponent("a normalizer", type);
}

}  // namespace lora
