// SPDX-License-Identifier: Apache-2.0
#include "tests/support/adapter_requests.h"

#include "tests/support/skills.h"

namespace lora {

v1::LoadAdapterRequest LoadRequest(const std::string& id,
                                   absl::string_view skill) {
  return LoadFromRequest(id, Skills::Source(skill));
}

v1::LoadAdapterRequest ReplaceRequest(const std::string& id,
                                      absl::string_view skill) {
  v1::LoadAdapterRequest request = LoadRequest(id, skill);
  request.set_replace(true);
  return request;
}

v1::LoadAdapterRequest LoadFromRequest(const std::string& id,
                                       const std::string& source) {
  v1::LoadAdapterRequest request;
  request.set_adapter_id(id);
  request.set_source(source);
  return request;
}

v1::GetAdapterRequest GetRequest(const std::string& id) {
  v1::GetAdapterRequest request;
  request.set_adapter_id(id);
  return request;
}

v1::UnloadAdapterRequest UnloadRequest(const std::string& id) {
  v1::UnloadAdapterRequest request;
  request.set_adapter_id(id);
  return request;
}

v1::UnloadAdapterRequest UnloadRequest(const std::string& id,
                                       absl::Duration drain_timeout) {
  v1::UnloadAdapterRequest request = UnloadRequest(id);
  google::protobuf::Duration& proto = *request.mutable_drain_timeout();
  const int64_t seconds =
      absl::IDivDuration(drain_timeout, absl::Seconds(1), &drain_timeout);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(drain_timeout)));
  return request;
}

v1::ValidateAdapterRequest ValidateRequest(const std::string& source) {
  v1::ValidateAdapterRequest request;
  request.set_source(source);
  return request;
}

v1::MergeAdapterRequest MergeRequest(const std::string& id) {
  v1::MergeAdapterRequest request;
  request.add_components()->set_adapter_id(id);
  return request;
}

v1::UnmergeAdapterRequest UnmergeRequest(const std::string& id) {
  v1::UnmergeAdapterRequest request;
  request.add_components()->set_adapter_id(id);
  return request;
}

}  // namespace lora
