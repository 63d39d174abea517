// SPDX-License-Identifier: Apache-2.0
#include "server/engine/request_preparer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/engine/prompt_builder.h"

namespace lora {
namespace {

constexpr int32_t kDefaultMaxNewTokens = 256;
// Far beyond what adds anything but infinities.
constexpr float kMaxWeight = 1e6f;

absl::Status ParamError(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               message);
}

absl::StatusOr<SamplingParams> MakeSampling(const GenerationRequest& request,
                                            const SamplingRequest& defaults) {
  const SamplingRequest& asked = request.sampling;
  SamplingParams params;
  const auto set = [&](auto SamplingRequest::*field, auto& param) {
    const auto& value =
        (asked.*field).has_value() ? asked.*field : defaults.*field;
    if (value.has_value()) param = *value;
  };
  set(&SamplingRequest::temperature, params.temperature);
  set(&SamplingRequest::top_k, params.top_k);
  set(&SamplingRequest::top_p, params.top_p);
  set(&SamplingRequest::min_p, params.min_p);
  set(&SamplingRequest::repetition_penalty, params.repetition_penalty);
  set(&SamplingRequest::frequency_penalty, params.frequency_penalty);
  set(&SamplingRequest::presence_penalty, params.presence_penalty);
  params.top_logprobs = request.top_logprobs;
  params.seed = asked.seed.has_value()
                    ? *asked.seed
                    : absl::Uniform<uint64_t>(absl::BitGen());
  LORA_RETURN_IF_ERROR(ValidateSamplingParams(params));
  return params;
}

PathPreference ResolvePath(const GenerationRequest& request,
                           const SamplingParams& sampling) {
  const bool reproducible =
      request.sampling.seed.has_value() && sampling.temperature > 0.0f;
  return request.path == PathPreference::kAuto && reproducible
             ? PathPreference::kUnmerged
             : request.path;
}

// The answer's length: what was asked for, cut to what the context leaves.
absl::StatusOr<int32_t> MaxNewTokens(const GenerationRequest& request,
                                     const RequestLimits& limits,
                                     int64_t num_prompt_tokens) {
  const int32_t asked = request.max_new_tokens.value_or(kDefaultMaxNewTokens);
  if (asked < 1) {
    return ParamError(
        absl::StrCat("max_new_tokens is ", asked, "; it must be at least 1"));
  }
  if (num_prompt_tokens >= limits.max_context) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
                 absl::StrCat("the prompt has ", num_prompt_tokens,
                              " tokens; the context holds ", limits.max_context,
                              " for prompt and answer together"));
  }
  return static_cast<int32_t>(
      std::min<int64_t>(asked, limits.max_context - num_prompt_tokens));
}

absl::StatusOr<OutputOptions> MakeOutput(const GenerationRequest& request,
                                         const RequestLimits& limits,
                                         int64_t num_prompt_tokens) {
  OutputOptions options;
  LORA_ASSIGN_OR_RETURN(options.max_new_tokens,
                        MaxNewTokens(request, limits, num_prompt_tokens));
  for (const int32_t id : request.stop_token_ids) {
    if (id < 0 || id >= limits.vocab_size) {
      return ParamError(absl::StrCat("stop token id ", id,
                                     " is outside the vocabulary of ",
                                     limits.vocab_size, " tokens"));
    }
    options.end_token_ids.insert(id);
  }
  if (!request.ignore_eos) {
    options.end_token_ids.insert(limits.end_token_ids.begin(),
                                 limits.end_token_ids.end());
  }
  options.stop = request.stop;
  options.with_logprobs = request.top_logprobs > 0;
  return options;
}

}  // namespace

SamplingRequest DefaultsOf(const RecommendedSampling& model) {
  SamplingRequest defaults = model.fields;
  if (!model.do_sample) {
    defaults.temperature = 0.0f;
  } else if (!defaults.temperature.has_value()) {
    defaults.temperature = 1.0f;
  }
  return defaults;
}

absl::StatusOr<PreparedRequest> PrepareRequest(
    const Tokenizer& tokenizer, const RequestLimits& limits,
    const GenerationRequest& request) {
  LORA_RETURN_IF_ERROR(CheckWeights(request.adapters));
  PreparedRequest prepared;
  LORA_ASSIGN_OR_RETURN(prepared.sampling,
                        MakeSampling(request, limits.sampling_defaults));
  prepared.path = ResolvePath(request, prepared.sampling);
  LORA_ASSIGN_OR_RETURN(
      prepared.prompt,
      BuildPrompt(tokenizer, request.prompt,
                  {limits.vocab_size, limits.max_prompt_bytes}));
  const auto num_prompt_tokens = static_cast<int64_t>(prepared.prompt.size());
  LORA_ASSIGN_OR_RETURN(prepared.output,
                        MakeOutput(request, limits, num_prompt_tokens));
  prepared.max_shared_tokens = std::numeric_limits<int32_t>::max();
  if (limits.max_shared_prompt.has_value()) {
    const int64_t shared = *limits.max_shared_prompt;
    prepared.max_shared_tokens =
        num_prompt_tokens > shared ? 0 : static_cast<int32_t>(shared);
  }
  return prepared;
}

absl::Status CheckWeights(absl::Span<const WeightedAdapterId> adapters) {
  absl::flat_hash_set<AdapterId> seen;
  for (const WeightedAdapterId& adapter : adapters) {
    const auto refuse = [&adapter](absl::string_view why) {
      return WithAdapter(
          Error(absl::StatusCode::kInvalidArgument, ErrorReason::kWeights, why),
          adapter.id);
    };
    if (!std::isfinite(adapter.weight)) {
      return refuse(absl::StrCat("the weight of adapter '", adapter.id.value(),
                                 "' is ", adapter.weight,
                                 "; it must be a finite number"));
    }
    if (std::abs(adapter.weight) > kMaxWeight) {
      return refuse(absl::StrCat("the weight of adapter '", adapter.id.value(),
                                 "' is ", adapter.weight, "; expected ",
                                 -kMaxWeight, " to ", kMaxWeight));
    }
    if (!seen.insert(adapter.id).second) {
      return refuse(absl::StrCat("adapter '", adapter.id.value(),
                                 "' is named twice; add the weights up"));
    }
  }
  return absl::OkStatus();
}

std::vector<WeightedKey> CanonicalKeys(
    absl::Span<const WeightedAdapterId> adapters,
    absl::Span<const AdapterLease> leases) {
  std::vector<WeightedKey> keys;
  keys.reserve(adapters.size());
  for (size_t i = 0; i < adapters.size(); ++i) {
    keys.push_back({leases[i].key(), adapters[i].weight});
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace lora
