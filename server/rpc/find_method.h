// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_FIND_METHOD_H_
#define LORA_SERVER_RPC_FIND_METHOD_H_

#include "absl/strings/string_view.h"

namespace google::protobuf {
class MethodDescriptor;
}  // namespace google::protobuf

namespace lora {

// The method that a call's path ("/package.Service/Method") names. Null: this
// program's protos define no such method.
const google::protobuf::MethodDescriptor* FindMethod(absl::string_view path);

}  // namespace lora

#endif  // LORA_SERVER_RPC_FIND_METHOD_H_
