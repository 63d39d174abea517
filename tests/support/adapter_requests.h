// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_ADAPTER_REQUESTS_H_
#define LORA_TESTS_SUPPORT_ADAPTER_REQUESTS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lora/v1/adapter_service.pb.h"

namespace lora {

// Requests of AdapterService, without what tests rarely set.

// Loads the adapter of the skills example that is called `skill`.
v1::LoadAdapterRequest LoadRequest(const std::string& id,
                                   absl::string_view skill);
v1::LoadAdapterRequest ReplaceRequest(const std::string& id,
                                      absl::string_view skill);
// Loads whatever is in `source`.
v1::LoadAdapterRequest LoadFromRequest(const std::string& id,
                                       const std::string& source);
v1::GetAdapterRequest GetRequest(const std::string& id);
v1::UnloadAdapterRequest UnloadRequest(const std::string& id);
v1::UnloadAdapterRequest UnloadRequest(const std::string& id,
                                       absl::Duration drain_timeout);
v1::ValidateAdapterRequest ValidateRequest(const std::string& source);
// Of one adapter, with weight 1.
v1::MergeAdapterRequest MergeRequest(const std::string& id);
v1::UnmergeAdapterRequest UnmergeRequest(const std::string& id);

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_ADAPTER_REQUESTS_H_
