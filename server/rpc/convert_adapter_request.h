// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CONVERT_ADAPTER_REQUEST_H_
#define LORA_SERVER_RPC_CONVERT_ADAPTER_REQUEST_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "lora/v1/adapter_service.pb.h"
#include "server/adapter/adapter_plane.h"
#include "server/engine/engine.h"

namespace lora {

// What callers of AdapterService ask for, as domain types. Only what these
// cannot express is refused here; the adapter plane checks the rest.

// INVALID_ARGUMENT (ALPHA): alpha is not finite.
absl::StatusOr<AdapterLoadOptions> FromProto(const v1::LoadOptions& options);

// INVALID_ARGUMENT (PARAM): sha256 is not 64 hex digits; warm_tier is neither
// DISK nor HOST; labels break their limits. (ALPHA): options.alpha is not
// finite.
absl::StatusOr<LoadAdapterSpec> FromProto(
    const v1::LoadAdapterRequest& request);

// INVALID_ARGUMENT (PARAM): drain_timeout is negative.
absl::StatusOr<UnloadAdapterSpec> FromProto(
    const v1::UnloadAdapterRequest& request);

// INVALID_ARGUMENT (PARAM): update_mask is empty or names another field;
// warm_tier is named but neither DISK nor HOST; labels break their limits.
absl::StatusOr<UpdateAdapterSpec> FromProto(
    const v1::UpdateAdapterRequest& request);

// How many adapters to list: 0 becomes 100, more than 1000 becomes 1000.
//
// INVALID_ARGUMENT (PARAM): negative.
absl::StatusOr<int32_t> PageSizeOf(const v1::ListAdaptersRequest& request);

// Adapters of one request, or components of one merge.
//
// INVALID_ARGUMENT (WEIGHTS): more than 64.
absl::StatusOr<std::vector<WeightedAdapterId>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::AdapterWeight>& weights);

}  // namespace lora

#endif  // LORA_SERVER_RPC_CONVERT_ADAPTER_REQUEST_H_
