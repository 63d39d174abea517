// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/post_processor.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/spec_reader.h"

namespace lora {
namespace {

// The ids of {"SpecialToken": {"id": name}} as "special_tokens" declares them.
absl::StatusOr<std::vector<int32_t>> SpecialTokenIds(const SpecReader& reader,
                                                     const Json& piece) {
  LORA_ASSIGN_OR_RETURN(const SpecReader piece_reader,
                        SpecReader::Open(piece, "SpecialToken"));
  LORA_ASSIGN_OR_RETURN(const std::string name, piece_reader.String("id"));
  LORA_ASSIGN_OR_RETURN(const Json* declared, reader.Object("special_tokens"));
  const auto it = declared->find(name);
  if (it == declared->end()) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kBase,
                 absl::StrCat("post_processor TemplateProcessing uses \"", name,
                              "\", which its special_tokens do not declare"));
  }
  LORA_ASSIGN_OR_RETURN(const SpecReader token_reader,
                        SpecReader::Open(*it, "special token"));
  LORA_ASSIGN_OR_RETURN(const Json* values, token_reader.Array("ids"));
  std::vector<int32_t> ids;
  for (const Json& value : *values) {
    const std::optional<int32_t> id = AsTokenId(value);
    if (!id.has_value()) return token_reader.FieldError("ids", "token ids");
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace

absl::StatusOr<PostProcessor> PostProcessor::Parse(const Json& spec) {
  if (spec.is_null()) return PostProcessor();
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(spec, "post_processor"));
  LORA_ASSIGN_OR_RETURN(const std::string type, reader.String("type"));
  // ByteLevel concerns offsets only.
  if (type == "ByteLevel") return PostProcessor();
  if (type == "TemplateProcessing") {
    PostProcessor processor;
    LORA_RETURN_IF_ERROR(processor.ParseTemplate(spec));
    return processor;
  }
  if (type != "Sequence") return UnsupportedComponent("a post_processor", type);
  LORA_ASSIGN_OR_RETURN(const Json* steps, reader.Array("processors"));
  PostProcessor whole;
  for (const Json& step_spec : *steps) {
    LORA_ASSIGN_OR_RETURN(const PostProcessor step, Parse(step_spec));
    whole.prefix_.insert(whole.prefix_.begin(), step.prefix_.begin(),
                         step.prefix_.end());
    whole.suffix_.insert(whole.suffix_.end(), step.suffix_.begin(),
                         step.suffix_.end());
  }
  return whole;
}

absl::Status PostProcessor::ParseTemplate(const Json& spec) {
  LORA_ASSIGN_OR_RETURN(
      const SpecReader reader,
      SpecReader::Open(spec, "post_processor TemplateProcessing"));
  LORA_ASSIGN_OR_RETURN(const Json* pieces, reader.Array("single"));
  bool text_seen = false;
  for (const Json& piece : *pieces) {
    LORA_ASSIGN_OR_RETURN(const SpecReader piece_reader,
                          SpecReader::Open(piece, "a template piece"));
    if (const Json* special = piece_reader.Find("SpecialToken")) {
      LORA_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                            SpecialTokenIds(reader, *special));
      std::vector<int32_t>& side = text_seen ? suffix_ : prefix_;
      side.insert(side.end(), ids.begin(), ids.end());
      continue;
    }
    if (piece_reader.Find("Sequence") == nullptr || text_seen) {
      return reader.FieldError("single",
                               "a list of special tokens and one Sequence");
    }
    text_seen = true;
  }
  if (!text_seen) {
    return reader.FieldError("single", "a list that has one Sequence");
  }
  return absl::OkStatus();
}

std::vector<int32_t> PostProcessor::WithSpecialTokens(
    std::vector<int32_t> ids) const {
  ids.insert(ids.begin(), prefix_.begin(), prefix_.end());
  ids.insert(ids.end(), suffix_.begin(), suffix_.end());
  return ids;
}

}  // namespace lora
