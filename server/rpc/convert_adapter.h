// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CONVERT_ADAPTER_H_
#define LORA_SERVER_RPC_CONVERT_ADAPTER_H_

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lora/v1/adapter_service.pb.h"
#include "server/adapter/adapter_plane.h"
#include "server/engine/engine.h"

namespace lora {

// What AdapterService answers, as messages.

using AdapterIdSet = absl::flat_hash_set<AdapterId>;

// Every adapter of which `merged` holds a copy.
AdapterIdSet MergedIds(const std::vector<MergedAdapterInfo>& merged);

v1::AdapterTier ToProto(AdapterTier tier);
// `merged_ids` fills `merged`.
v1::Adapter ToProto(const AdapterInfo& info, const AdapterIdSet& merged_ids);
v1::AdapterEvent ToProto(const AdapterEvent& event,
                         const AdapterIdSet& merged_ids);
v1::UnloadAdapterResponse ToProto(const UnloadResult& result);
v1::MergedAdapter ToProto(const MergedAdapterInfo& info);

}  // namespace lora

#endif  // LORA_SERVER_RPC_CONVERT_ADAPTER_H_
