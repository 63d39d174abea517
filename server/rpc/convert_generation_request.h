// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CONVERT_GENERATION_REQUEST_H_
#define LORA_SERVER_RPC_CONVERT_GENERATION_REQUEST_H_

#include "absl/status/statusor.h"
#include "lora/v1/generation_service.pb.h"
#include "server/engine/engine.h"

namespace lora {

// INVALID_ARGUMENT (INPUT): no prompt. INVALID_ARGUMENT (PARAM): more stop
// strings, stop tokens, top_logprobs or bytes of request_id than the API
// allows, an empty stop string, or an unknown path. The engine checks the rest.
absl::StatusOr<GenerationRequest> FromProto(const v1::GenerateRequest& request);

// INVALID_ARGUMENT (INPUT): no prompt.
absl::StatusOr<PromptInput> FromProto(const v1::TokenizeRequest& request);

}  // namespace lora

#endif  // LORA_SERVER_RPC_CONVERT_GENERATION_REQUEST_H_
