// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/find_method.h"

#include <google/protobuf/descriptor.h>

#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lora {

const google::protobuf::MethodDescriptor* FindMethod(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "/")) return nullptr;
  const std::pair<std::string, std::string> names =
      absl::StrSplit(path, absl::MaxSplits('/', 1));
  const google::protobuf::ServiceDescriptor* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          names.first);
  return service == nullptr ? nullptr : service->FindMethodByName(names.second);
}

}  // namespace lora
