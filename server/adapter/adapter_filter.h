// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_FILTER_H_
#define LORA_SERVER_ADAPTER_ADAPTER_FILTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/adapter/adapter_info.h"

namespace lora {

// Which adapters a list is to show. A value; immutable once parsed.
class AdapterFilter {
 public:
  // Terms joined by " AND ": `state=READY`, `tier=DEVICE`, `pinned=true`,
  // `id=PREFIX*` or `id=ID`, `labels.KEY=VALUE`; empty: all.
  //
  // INVALID_ARGUMENT (PARAM): a term that is none of these.
  static absl::StatusOr<AdapterFilter> Parse(absl::string_view text);

  bool Matches(const AdapterInfo& info) const;

 private:
  absl::Status AddTerm(absl::string_view term);

  std::optional<AdapterState> state_;
  std::optional<AdapterTier> tier_;
  std::optional<bool> pinned_;
  std::optional<std::string> id_;
  std::optional<std::string> id_prefix_;
  std::map<std::string, std::string> labels_;
};

// The token of the page that starts after `last`, and back.
std::string EncodePageToken(const AdapterId& last);
// INVALID_ARGUMENT (PARAM): not a token of EncodePageToken.
absl::StatusOr<AdapterId> DecodePageToken(absl::string_view token);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_FILTER_H_
