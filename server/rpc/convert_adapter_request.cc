// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_adapter_request.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/adapter/adapter_labels.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_time.h"

namespace lora {
namespace {

constexpr int32_t kDefaultPageSize = 100;
constexpr int32_t kMaxPageSize = 1000;
constexpr size_t kSha256Digits = 64;
constexpr int kMaxAdapters = 64;

absl::Status BadParam(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               message);
}

absl::StatusOr<WarmTier> WarmTierFromProto(v1::AdapterTier tier) {
  switch (tier) {
    case v1::ADAPTER_TIER_DISK:
      return WarmTier::kDisk;
    case v1::ADAPTER_TIER_HOST:
      return WarmTier::kHost;
    default:
      return BadParam(
          absl::StrCat("warm_tier is ", v1::AdapterTier_Name(tier), " (",
                       static_cast<int>(tier),
                       "), expected ADAPTER_TIER_DISK or ADAPTER_TIER_HOST"));
  }
}

absl::StatusOr<std::string> Sha256FromProto(const std::string& sha256) {
  const bool is_hex =
      std::all_of(sha256.begin(), sha256.end(), absl::ascii_isxdigit);
  if (!sha256.empty() && (sha256.size() != kSha256Digits || !is_hex)) {
    return BadParam(absl::StrCat(
        "sha256 has ", sha256.size(), is_hex ? " hex digits" : " characters",
        ", expected the 64 hex digits that sha256sum prints for the weights "
        "file, or nothing"));
  }
  return absl::AsciiStrToLower(sha256);
}

absl::StatusOr<std::map<std::string, std::string>> LabelsFromProto(
    const google::protobuf::Map<std::string, std::string>& proto) {
  std::map<std::string, std::string> labels(proto.begin(), proto.end());
  LORA_RETURN_IF_ERROR(CheckLabels(labels));
  return labels;
}

// Applies one path of an update mask.
absl::Status ApplyPath(const std::string& path,
                       const v1::UpdateAdapterRequest& request,
                       UpdateAdapterSpec& spec) {
  if (path == "pinned") {
    spec.pinned = request.pinned();
  } else if (path == "labels") {
    LORA_ASSIGN_OR_RETURN(spec.labels, LabelsFromProto(request.labels()));
  } else if (path == "warm_tier") {
    LORA_ASSIGN_OR_RETURN(spec.warm_tier,
                          WarmTierFromProto(request.warm_tier()));
  } else {
    return BadParam(absl::StrCat("update_mask names '", path,
                                 "', expected pinned, labels or warm_tier"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AdapterLoadOptions> FromProto(const v1::LoadOptions& options) {
  AdapterLoadOptions result;
  if (options.has_alpha()) {
    if (!std::isfinite(options.alpha())) {
      return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kAlpha,
                   absl::StrCat("options.alpha is ", options.alpha(),
                                ", expected a finite number"));
    }
    result.alpha = options.alpha();
  }
  result.strict_base = options.strict_base();
  result.skip_untargeted = options.skip_untargeted();
  return result;
}

absl::StatusOr<LoadAdapterSpec> FromProto(
    const v1::LoadAdapterRequest& request) {
  LoadAdapterSpec spec;
  spec.id = AdapterId(request.adapter_id());
  spec.source = request.source();
  LORA_ASSIGN_OR_RETURN(spec.sha256, Sha256FromProto(request.sha256()));
  spec.replace = request.replace();
  if (request.has_pinned()) spec.pinned = request.pinned();
  if (request.warm_tier() != v1::ADAPTER_TIER_UNSPECIFIED) {
    LORA_ASSIGN_OR_RETURN(spec.warm_tier,
                          WarmTierFromProto(request.warm_tier()));
  }
  if (!request.labels().empty()) {
    LORA_ASSIGN_OR_RETURN(spec.labels, LabelsFromProto(request.labels()));
  }
  LORA_ASSIGN_OR_RETURN(spec.options, FromProto(request.options()));
  return spec;
}

absl::StatusOr<UnloadAdapterSpec> FromProto(
    const v1::UnloadAdapterRequest& request) {
  UnloadAdapterSpec spec;
  spec.id = AdapterId(request.adapter_id());
  if (request.has_drain_timeout()) {
    LORA_ASSIGN_OR_RETURN(spec.drain_timeout,
                          FromProto(request.drain_timeout()));
  }
  spec.force = request.force();
  return spec;
}

absl::StatusOr<UpdateAdapterSpec> FromProto(
    const v1::UpdateAdapterRequest& request) {
  if (request.update_mask().paths().empty()) {
    return BadParam(
        "update_mask is empty, expected the fields to change: pinned, labels "
        "or warm_tier");
  }
  UpdateAdapterSpec spec;
  spec.id = AdapterId(request.adapter_id());
  for (const std::string& path : request.update_mask().paths()) {
    LORA_RETURN_IF_ERROR(ApplyPath(path, request, spec));
  }
  return spec;
}

absl::StatusOr<int32_t> PageSizeOf(const v1::ListAdaptersRequest& request) {
  if (request.page_size() < 0) {
    return BadParam(absl::StrCat("page_size is ", request.page_size(),
                                 ", expected 1 to ", kMaxPageSize,
                                 ", or 0 for ", kDefaultPageSize));
  }
  if (request.page_size() == 0) return kDefaultPageSize;
  return std::min(request.page_size(), kMaxPageSize);
}

absl::StatusOr<std::vector<WeightedAdapterId>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::AdapterWeight>& weights) {
  if (weights.size() > kMaxAdapters) {
    return Error(
        absl::StatusCode::kInvalidArgument, ErrorReason::kWeights,
        absl::StrCat(weights.size(), " adapters are named, expected at most ",
                     kMaxAdapters, " at once"));
  }
  std::vector<WeightedAdapterId> result;
  result.reserve(weights.size());
  for (const v1::AdapterWeight& weight : weights) {
    result.push_back({.id = AdapterId(weight.adapter_id()),
                      .weight = weight.has_weight() ? weight.weight() : 1.0f});
  }
  return result;
}

}  // namespace lora
