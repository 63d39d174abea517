// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_CONVERT_STRUCT_H_
#define LORA_SERVER_RPC_CONVERT_STRUCT_H_

#include <google/protobuf/struct.pb.h>

#include "server/base/json.h"

namespace lora {

// `proto` as JSON. A Struct holds only doubles: numbers without a fraction
// become integers, since a template prints 1 and 1.0 differently. Keys are
// sorted at every depth: a Struct is a map, whose order on the wire says
// nothing, and equal requests must render to equal prompts.
Json ToJson(const google::protobuf::Struct& proto);

}  // namespace lora

#endif  // LORA_SERVER_RPC_CONVERT_STRUCT_H_
