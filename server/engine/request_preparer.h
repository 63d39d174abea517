// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_REQUEST_PREPARER_H_
#define LORA_SERVER_ENGINE_REQUEST_PREPARER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_lease.h"
#include "server/adapter/execution_pins.h"
#include "server/engine/engine_info.h"
#include "server/engine/generation.h"
#include "server/engine/output_state.h"
#include "server/model/sampling_params.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {

// What requests are checked against, and completed from; never changes.
struct RequestLimits {
  int32_t vocab_size = 0;
  std::optional<int64_t> max_prompt_bytes;  // Of a text; see PromptLimits.
  int32_t max_context = 0;                  // Prompt plus answer, in tokens.
  std::vector<int32_t> end_token_ids;
  // See SequenceSpec::max_shared_tokens.
  std::optional<int64_t> max_shared_prompt;
  // What unset fields of a request become; unset here too: greedy, off.
  SamplingRequest sampling_defaults;
};

// What requests get under --sampling-defaults=model.
SamplingRequest DefaultsOf(const RecommendedSampling& model);

// A request that has been checked and tokenised.
struct PreparedRequest {
  std::vector<int32_t> prompt;
  // AUTO is not for who asked for reproducible draws: which path it takes
  // depends on what else runs, and the paths differ in their last bits.
  PathPreference path = PathPreference::kAuto;
  SamplingParams sampling;
  OutputOptions output;
  int32_t max_shared_tokens = 0;
};

// Checks `request` and makes token ids of its prompt.
//
// INVALID_ARGUMENT: (INPUT) the prompt is empty, malformed or fills the
// context; (PARAM) sampling, max_new_tokens or a stop token is out of range;
// (WEIGHTS) an adapter's factor is not finite, or beyond a million. And what
// BuildPrompt returns.
absl::StatusOr<PreparedRequest> PrepareRequest(
    const Tokenizer& tokenizer, const RequestLimits& limits,
    const GenerationRequest& request);

// INVALID_ARGUMENT (WEIGHTS): a factor is not finite or beyond a million, or an
// id occurs twice.
absl::Status CheckWeights(absl::Span<const WeightedAdapterId> adapters);

// Pairs the leases of `adapters` (in the same order) with their factors, in
// canonical order: by key.
std::vector<WeightedKey> CanonicalKeys(
    absl::Span<const WeightedAdapterId> adapters,
    absl::Span<const AdapterLease> leases);

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_REQUEST_PREPARER_H_
