// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_GENERATION_H_
#define LORA_SERVER_ENGINE_GENERATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/adapter/adapter_residency.h"
#include "server/adapter/execution_pins.h"
#include "server/base/ids.h"
#include "server/base/json.h"

namespace lora {

// One adapter of a request, by the name that the caller used.
struct WeightedAdapterId {
  AdapterId id;
  float weight = 1.0f;
};

struct ChatTurn {
  std::string role;
  std::string content;
};

struct ChatPrompt {
  std::vector<ChatTurn> messages;
  Json template_kwargs = Json::object();
  bool add_generation_prompt = true;
};

// A prompt as the caller gave it.
struct PromptInput {
  std::variant<std::string, std::vector<int32_t>, ChatPrompt> content;
  bool add_special_tokens = true;
};

struct TokenizedPrompt {
  std::vector<int32_t> ids;
  std::vector<std::string> pieces;
};

// Sampling as the caller gave it: an unset field takes the server's default
// (off, or with --sampling-defaults=model what the model's files say).
struct SamplingRequest {
  std::optional<float> temperature;  // 0: greedy.
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  std::optional<float> frequency_penalty;
  std::optional<float> presence_penalty;
  std::optional<uint64_t> seed;
};

struct GenerationRequest {
  PromptInput prompt;
  // Summed; empty: the base alone.
  std::vector<WeightedAdapterId> adapters;
  std::optional<int32_t> max_new_tokens;  // Unset: 256.
  SamplingRequest sampling;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  bool ignore_eos = false;
  int32_t top_logprobs = 0;
  PathPreference path = PathPreference::kAuto;
  std::string request_id;
  absl::Time deadline = absl::InfiniteFuture();
};

struct TokenLogprob {
  int32_t token_id = 0;
  float logprob = 0.0f;
};

struct TokenLogprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;  // Likeliest first.
};

// What an answer gained since the last one. `logprobs` is parallel to
// `token_ids`, or empty.
struct GenerationDelta {
  std::string text;
  std::vector<int32_t> token_ids;
  std::vector<TokenLogprobs> logprobs;
};

enum class FinishReason : uint8_t { kStop, kLength };

struct Usage {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;      // Of the prompt, from the prefix cache.
  int32_t completion_tokens = 0;  // Every sampled token.
};

struct UsedAdapter {
  AdapterId id;
  std::string digest;
  float weight = 1.0f;
  AdapterTier tier_found = AdapterTier::kDisk;
  absl::Duration load_time;  // How long the request waited for it.
};

// What computed an answer.
struct Provenance {
  std::vector<UsedAdapter> adapters;
  ExecutionPath path = ExecutionPath::kUnmerged;
  absl::Duration queue_time;
  absl::Duration time_to_first_token;
  absl::Duration total_time;
};

struct GenerationResult {
  FinishReason reason = FinishReason::kStop;
  std::string stop_match;
  Usage usage;
  Provenance provenance;
};

// Receives one request's output. Called by one engine thread at a time; must
// not block.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  virtual void OnDelta(GenerationDelta delta) = 0;
  // The last call, exactly once.
  virtual void OnFinish(absl::StatusOr<GenerationResult> result) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_GENERATION_H_
