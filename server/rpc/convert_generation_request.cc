// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_generation_request.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_adapter_request.h"
#include "server/rpc/convert_struct.h"

namespace lora {
namespace {

constexpr int kMaxStopStrings = 16;
constexpr int kMaxStopTokens = 1024;
constexpr int kMaxTopLogprobs = 20;
constexpr size_t kMaxRequestIdBytes = 128;

absl::Status BadParam(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               message);
}

absl::Status NoPrompt(absl::string_view expected) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
               absl::StrCat("the request has no prompt, expected ", expected));
}

absl::Status CheckLimits(const v1::GenerateRequest& request) {
  if (request.stop_size() > kMaxStopStrings) {
    return BadParam(absl::StrCat("stop holds ", request.stop_size(),
                                 " strings, expected at most ",
                                 kMaxStopStrings));
  }
  for (const std::string& stop : request.stop()) {
    if (stop.empty()) {
      return BadParam(
          "stop holds an empty string, which would end every answer at once");
    }
  }
  if (request.stop_token_ids_size() > kMaxStopTokens) {
    return BadParam(absl::StrCat("stop_token_ids holds ",
                                 request.stop_token_ids_size(),
                                 " ids, expected at most ", kMaxStopTokens));
  }
  if (request.top_logprobs() < 0 || request.top_logprobs() > kMaxTopLogprobs) {
    return BadParam(absl::StrCat("top_logprobs is ", request.top_logprobs(),
                                 ", expected 0 to ", kMaxTopLogprobs));
  }
  if (request.request_id().size() > kMaxRequestIdBytes) {
    return BadParam(absl::StrCat("request_id has ", request.request_id().size(),
                                 " bytes, expected at most ",
                                 kMaxRequestIdBytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<PathPreference> PathFromProto(v1::ExecutionPath path) {
  switch (path) {
    case v1::EXECUTION_PATH_UNSPECIFIED:
    case v1::AUTO:
      return PathPreference::kAuto;
    case v1::UNMERGED:
      return PathPreference::kUnmerged;
    case v1::MERGED:
      return PathPreference::kMerged;
    default:
      return BadParam(absl::StrCat("path is ", static_cast<int>(path),
                                   ", expected AUTO, UNMERGED or MERGED"));
  }
}

ChatPrompt ChatFromProto(const v1::Chat& chat) {
  ChatPrompt prompt;
  for (const v1::ChatMessage& message : chat.messages()) {
    prompt.messages.push_back(
        {.role = message.role(), .content = message.content()});
  }
  prompt.template_kwargs = ToJson(chat.template_kwargs());
  if (chat.has_add_generation_prompt()) {
    prompt.add_generation_prompt = chat.add_generation_prompt();
  }
  return prompt;
}

absl::StatusOr<PromptInput> PromptFromProto(
    const v1::GenerateRequest& request) {
  PromptInput prompt;
  switch (request.prompt_case()) {
    case v1::GenerateRequest::kText:
      prompt.content = request.text();
      break;
    case v1::GenerateRequest::kTokenIds: {
      const auto& ids = request.token_ids().ids();
      prompt.content = std::vector<int32_t>(ids.begin(), ids.end());
      break;
    }
    case v1::GenerateRequest::kChat:
      prompt.content = ChatFromProto(request.chat());
      break;
    case v1::GenerateRequest::PROMPT_NOT_SET:
      return NoPrompt("text, token_ids or chat");
  }
  if (request.has_add_special_tokens()) {
    prompt.add_special_tokens = request.add_special_tokens();
  }
  return prompt;
}

SamplingRequest SamplingFromProto(const v1::SamplingParams& proto) {
  SamplingRequest sampling;
  if (proto.has_temperature()) sampling.temperature = proto.temperature();
  if (proto.has_top_k()) sampling.top_k = proto.top_k();
  if (proto.has_top_p()) sampling.top_p = proto.top_p();
  if (proto.has_min_p()) sampling.min_p = proto.min_p();
  if (proto.has_repetition_penalty()) {
    sampling.repetition_penalty = proto.repetition_penalty();
  }
  if (proto.has_frequency_penalty()) {
    sampling.frequency_penalty = proto.frequency_penalty();
  }
  if (proto.has_presence_penalty()) {
    sampling.presence_penalty = proto.presence_penalty();
  }
  if (proto.has_seed()) sampling.seed = proto.seed();
  return sampling;
}

}  // namespace

absl::StatusOr<GenerationRequest> FromProto(
    const v1::GenerateRequest& request) {
  LORA_RETURN_IF_ERROR(CheckLimits(request));
  GenerationRequest result;
  LORA_ASSIGN_OR_RETURN(result.prompt, PromptFromProto(request));
  LORA_ASSIGN_OR_RETURN(result.adapters, FromProto(request.adapters()));
  if (request.has_max_new_tokens()) {
    result.max_new_tokens = request.max_new_tokens();
  }
  result.sampling = SamplingFromProto(request.sampling());
  result.stop.assign(request.stop().begin(), request.stop().end());
  result.stop_token_ids.assign(request.stop_token_ids().begin(),
                               request.stop_token_ids().end());
  result.ignore_eos = request.ignore_eos();
  result.top_logprobs = request.top_logprobs();
  LORA_ASSIGN_OR_RETURN(result.path, PathFromProto(request.path()));
  result.request_id = request.request_id();
  return result;
}

absl::StatusOr<PromptInput> FromProto(const v1::TokenizeRequest& request) {
  PromptInput prompt;
  switch (request.prompt_case()) {
    case v1::TokenizeRequest::kText:
      prompt.content = request.text();
      break;
    case v1::TokenizeRequest::kChat:
      prompt.content = ChatFromProto(request.chat());
      break;
    case v1::TokenizeRequest::PROMPT_NOT_SET:
      return NoPrompt("text or chat");
  }
  if (request.has_add_special_tokens()) {
    prompt.add_special_tokens = request.add_special_tokens();
  }
  return prompt;
}

}  // namespace lora
