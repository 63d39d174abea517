// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_generation.h"

#include <string>

#include "server/rpc/convert_adapter.h"
#include "server/rpc/convert_time.h"

namespace lora {
namespace {

v1::ExecutionPath PathToProto(ExecutionPath path) {
  return path == ExecutionPath::kMerged ? v1::MERGED : v1::UNMERGED;
}

void AppendLogprobs(v1::GenerateResponse& response,
                    const TokenLogprobs& logprobs) {
  v1::TokenLogprobs* proto = response.add_logprobs();
  proto->set_token_id(logprobs.chosen.token_id);
  proto->set_logprob(logprobs.chosen.logprob);
  for (const TokenLogprob& top : logprobs.top) {
    v1::TokenLogprob* entry = proto->add_top();
    entry->set_token_id(top.token_id);
    entry->set_logprob(top.logprob);
  }
}

void SetProvenance(const Provenance& provenance, v1::Provenance& proto) {
  for (const UsedAdapter& used : provenance.adapters) {
    v1::Provenance::UsedAdapter* adapter = proto.add_adapters();
    // The same until ids can be aliases.
    adapter->set_requested_id(used.id.value());
    adapter->set_adapter_id(used.id.value());
    adapter->set_digest(used.digest);
    adapter->set_weight(used.weight);
    adapter->set_tier_found(ToProto(used.tier_found));
    *adapter->mutable_load_time() = ToProto(used.load_time);
  }
  proto.set_path(PathToProto(provenance.path));
  *proto.mutable_queue_time() = ToProto(provenance.queue_time);
  *proto.mutable_time_to_first_token() =
      ToProto(provenance.time_to_first_token);
  *proto.mutable_total_time() = ToProto(provenance.total_time);
}

}  // namespace

void AppendTo(v1::GenerateResponse& response, const GenerationDelta& delta) {
  response.mutable_text()->append(delta.text);
  response.mutable_token_ids()->Add(delta.token_ids.begin(),
                                    delta.token_ids.end());
  for (const TokenLogprobs& logprobs : delta.logprobs) {
    AppendLogprobs(response, logprobs);
  }
}

void AppendTo(v1::GenerateResponse& response, const GenerationResult& result) {
  response.set_finish_reason(result.reason == FinishReason::kLength ? v1::LENGTH
                                                                    : v1::STOP);
  response.set_stop_match(result.stop_match);
  response.mutable_usage()->set_prompt_tokens(result.usage.prompt_tokens);
  response.mutable_usage()->set_cached_tokens(result.usage.cached_tokens);
  response.mutable_usage()->set_completion_tokens(
      result.usage.completion_tokens);
  SetProvenance(result.provenance, *response.mutable_provenance());
}

v1::TokenizeResponse ToProto(const TokenizedPrompt& prompt) {
  v1::TokenizeResponse proto;
  proto.mutable_ids()->Add(prompt.ids.begin(), prompt.ids.end());
  for (const std::string& piece : prompt.pieces) proto.add_pieces(piece);
  return proto;
}

}  // namespace lora
