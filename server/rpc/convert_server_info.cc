// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_server_info.h"

namespace lora {
namespace {

void Set(v1::MemoryBudget& proto, const MemoryUse& use) {
  proto.set_capacity_bytes(use.capacity_bytes);
  proto.set_used_bytes(use.used_bytes);
}

void Set(v1::SamplingDefaults& proto, const RecommendedSampling& sampling) {
  const SamplingRequest& fields = sampling.fields;
  proto.set_do_sample(sampling.do_sample);
  if (fields.temperature) proto.set_temperature(*fields.temperature);
  if (fields.top_k) proto.set_top_k(*fields.top_k);
  if (fields.top_p) proto.set_top_p(*fields.top_p);
  if (fields.min_p) proto.set_min_p(*fields.min_p);
  if (fields.repetition_penalty) {
    proto.set_repetition_penalty(*fields.repetition_penalty);
  }
  proto.set_in_use(sampling.in_use);
}

void Set(v1::BaseModelInfo& proto, const EngineInfo& info) {
  proto.set_name(info.base_name);
  proto.set_model_type(info.model_type);
  proto.set_fingerprint(info.fingerprint);
  proto.set_num_parameters(info.num_parameters);
  proto.set_weight_bytes(info.weight_bytes);
  proto.set_num_layers(info.num_layers);
  proto.set_vocab_size(info.vocab_size);
  proto.set_max_context(info.max_context);
  proto.mutable_end_token_ids()->Add(info.end_token_ids.begin(),
                                     info.end_token_ids.end());
  proto.set_has_chat_template(info.has_chat_template);
  Set(*proto.mutable_sampling_defaults(), info.sampling);
}

}  // namespace

v1::ServerInfo ToProto(const EngineInfo& info) {
  v1::ServerInfo proto;
  Set(*proto.mutable_base_model(), info);
  proto.set_device(info.device);
  proto.set_dtype(info.dtype);
  proto.set_threads(info.threads);
  Set(*proto.mutable_kv_memory(), info.kv);
  Set(*proto.mutable_host_memory(), info.host);
  Set(*proto.mutable_device_memory(), info.adapters);
  Set(*proto.mutable_merged_memory(), info.merged);
  proto.set_running_requests(info.running_requests);
  proto.set_queued_requests(info.queued_requests);
  proto.set_max_queue(info.max_queue);
  return proto;
}

}  // namespace lora
