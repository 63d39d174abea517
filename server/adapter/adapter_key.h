// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_KEY_H_
#define LORA_SERVER_ADAPTER_ADAPTER_KEY_H_

#include <compare>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace lora {

// Names one immutable set of weights: the id a caller uses plus the digest of
// the content. Everything cached (KV blocks, merged weights, device copies) is
// keyed by AdapterKey and never by AdapterId alone.
struct AdapterKey {
  AdapterId id;
  // Lower-case hex SHA-256 over, for each file that affects results, sorted by
  // name: name, length, SHA-256 of the bytes.
  std::string digest;

  friend auto operator<=>(const AdapterKey&, const AdapterKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const AdapterKey& key) {
    return H::combine(std::move(h), key.id, key.digest);
  }
};

// INVALID_ARGUMENT (ADAPTER_ID): `id` does not match
// [A-Za-z0-9][A-Za-z0-9._-]{0,127}.
absl::Status CheckAdapterId(absl::string_view id);

// How messages name an adapter that is read: `adapter "ID"`, or, where `id` is
// none that CheckAdapterId accepts, `the adapter in "SOURCE"`.
std::string AdapterLabel(const AdapterId& id, absl::string_view source);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_KEY_H_
