// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CONVERT_GENERATION_H_
#define LORA_SERVER_RPC_CONVERT_GENERATION_H_

#include "lora/v1/generation_service.pb.h"
#include "server/engine/engine.h"

namespace lora {

// Adds what the answer gained to a message that has not been sent.
void AppendTo(v1::GenerateResponse& response, const GenerationDelta& delta);

// Adds the end of the answer: finish_reason, usage and provenance.
void AppendTo(v1::GenerateResponse& response, const GenerationResult& result);

v1::TokenizeResponse ToProto(const TokenizedPrompt& prompt);

}  // namespace lora

#endif  // LORA_SERVER_RPC_CONVERT_GENERATION_H_
