// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/decoder.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/spec_reader.h"

namespace lora {

// The end of the line: joins all tokens.
class DecodeStream::Output final : public PieceSink {
 public:
  void Text(absl::string_view chunk) override {
    absl::StrAppend(&text_, chunk);
  }
  void EndToken() override {}
  void Finish() override {}

  void MoveTo(std::string& text) {
    absl::StrAppend(&text, text_);
    text_.clear();
  }

 private:
  std::string text_;
};

DecodeStream::DecodeStream()
    : output_(std::make_unique<Output>()), first_(output_.get()) {}
DecodeStream::DecodeStream(DecodeStream&&) noexcept = default;
DecodeStream& DecodeStream::operator=(DecodeStream&&) noexcept = default;
DecodeStream::~DecodeStream() = default;

void DecodeStream::Append(absl::string_view token, std::string& text) {
  first_->Text(token);
  first_->EndToken();
  output_->MoveTo(text);
}

bool DecodeStream::HoldsText() const {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const auto& step) { return step->HoldsText(); });
}

void DecodeStream::Finish(std::string& text) {
  first_->Finish();
  output_->MoveTo(text);
}

absl::StatusOr<Decoder> Decoder::Parse(const Json& spec) {
  Decoder decoder;
  if (spec.is_null()) {
    decoder.steps_.push_back(MakeSpaceJoinStep());
    return decoder;
  }
  LORA_RETURN_IF_ERROR(decoder.AddSteps(spec));
  return decoder;
}

absl::Status Decoder::AddSteps(const Json& spec) {
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(spec, "decoder"));
  LORA_ASSIGN_OR_RETURN(const std::string type, reader.String("type"));
  if (type != "Sequence") {
    LORA_ASSIGN_OR_RETURN(std::unique_ptr<const DecoderStep> step,
                          ParseDecoderStep(spec));
    steps_.push_back(std::move(step));
    return absl::OkStatus();
  }
  LORA_ASSIGN_OR_RETURN(const Json* decoders, reader.Array("decoders"));
  for (const Json& inner : *decoders) LORA_RETURN_IF_ERROR(AddSteps(inner));
  return absl::OkStatus();
}

DecodeStream Decoder::Start(ByteRuns byte_runs) const {
  DecodeStream stream;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    stream.steps_.push_back((*step)->Start(stream.first_, byte_runs));
    stream.first_ = stream.steps_.back().get();
  }
  return stream;
}

}  // namespace lora
