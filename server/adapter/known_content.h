// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_KNOWN_CONTENT_H_
#define LORA_SERVER_ADAPTER_KNOWN_CONTENT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lora {

// What `error` means when the files that it is about once had the content with
// `digest`: files that are gone, or cannot be read as an adapter any more, are
// DATA_LOSS with the reason of `error`. What says nothing about the content (a
// busy disk, no memory, no permission, a cancel) is returned as it is, as OK.
absl::Status KnownContentError(const absl::Status& error,
                               absl::string_view digest);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_KNOWN_CONTENT_H_
