// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_filter.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status ParamError(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               message);
}

// Finds `value` in a table of names.
template <typename T, size_t N>
absl::StatusOr<T> ByName(absl::string_view term, absl::string_view value,
                         const std::pair<absl::string_view, T> (&names)[N]) {
  std::string known;
  for (const auto& [name, result] : names) {
    if (name == value) return result;
    absl::StrAppend(&known, known.empty() ? "" : ", ", name);
  }
  return ParamError(
      absl::StrCat("filter term '", term, "': expected one of ", known));
}

constexpr std::pair<absl::string_view, AdapterState> kStates[] = {
    {"LOADING", AdapterState::kLoading},
    {"READY", AdapterState::kReady},
    {"DRAINING", AdapterState::kDraining},
    {"FAILED", AdapterState::kFailed}};
constexpr std::pair<absl::string_view, AdapterTier> kTiers[] = {
    {"DISK", AdapterTier::kDisk},
    {"HOST", AdapterTier::kHost},
    {"DEVICE", AdapterTier::kDevice}};
constexpr std::pair<absl::string_view, bool> kBools[] = {{"true", true},
                                                         {"false", false}};

template <typename T, typename V>
bool Accepts(const std::optional<T>& wanted, const V& value) {
  return !wanted.has_value() || *wanted == value;
}

}  // namespace

absl::StatusOr<AdapterFilter> AdapterFilter::Parse(absl::string_view text) {
  AdapterFilter filter;
  if (absl::StripAsciiWhitespace(text).empty()) return filter;
  for (const absl::string_view term : absl::StrSplit(text, " AND ")) {
    LORA_RETURN_IF_ERROR(filter.AddTerm(absl::StripAsciiWhitespace(term)));
  }
  return filter;
}

absl::Status AdapterFilter::AddTerm(absl::string_view term) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(term, absl::MaxSplits('=', 1));
  absl::string_view field = parts.first;
  absl::string_view value = parts.second;
  if (field == "state") {
    LORA_ASSIGN_OR_RETURN(state_, ByName(term, value, kStates));
  } else if (field == "tier") {
    LORA_ASSIGN_OR_RETURN(tier_, ByName(term, value, kTiers));
  } else if (field == "pinned") {
    LORA_ASSIGN_OR_RETURN(pinned_, ByName(term, value, kBools));
  } else if (field == "id" && !value.empty()) {
    if (absl::ConsumeSuffix(&value, "*")) {
      id_prefix_ = std::string(value);
    } else {
      id_ = std::string(value);
    }
  } else if (absl::ConsumePrefix(&field, "labels.") && !field.empty() &&
             absl::StrContains(term, '=')) {
    labels_[std::string(field)] = std::string(value);
  } else {
    return ParamError(
        absl::StrCat("filter term '", term,
                     "' is not understood; use state=, tier=, pinned=, id= or "
                     "labels.KEY=, joined by ' AND '"));
  }
  return absl::OkStatus();
}

bool AdapterFilter::Matches(const AdapterInfo& info) const {
  if (!Accepts(state_, info.state) || !Accepts(tier_, info.tier) ||
      !Accepts(pinned_, info.pinned) || !Accepts(id_, info.id.value())) {
    return false;
  }
  if (id_prefix_ && !absl::StartsWith(info.id.value(), *id_prefix_)) {
    return false;
  }
  for (const auto& [key, value] : labels_) {
    const auto it = info.labels.find(key);
    if (it == info.labels.end() || it->second != value) return false;
  }
  return true;
}

std::string EncodePageToken(const AdapterId& last) {
  return absl::WebSafeBase64Escape(last.value());
}

absl::StatusOr<AdapterId> DecodePageToken(absl::string_view token) {
  std::string id;
  if (!absl::WebSafeBase64Unescape(token, &id) || !CheckAdapterId(id).ok()) {
    return ParamError(
        "page_token is not one that ListAdapters returned; start again "
        "without it");
  }
  return AdapterId(std::move(id));
}

}  // namespace lora
