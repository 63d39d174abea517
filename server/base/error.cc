// SPDX-License-Identifier: Apache-2.0
#include "server/base/error.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lora {
namespace {

constexpr absl::string_view kReasonPayload = "lora.v1/reason";
constexpr absl::string_view kMetadataPrefix = "lora.v1/metadata/";

struct ReasonName {
  ErrorReason reason;
  absl::string_view name;
};

constexpr ReasonName kReasonNames[] = {
    {ErrorReason::kUnspecified, "UNSPECIFIED"},
    {ErrorReason::kAdapterFilesMissing, "ADAPTER_FILES_MISSING"},
    {ErrorReason::kWeightsMissing, "WEIGHTS_MISSING"},
    {ErrorReason::kPickleRefused, "PICKLE_REFUSED"},
    {ErrorReason::kLfsPointer, "LFS_POINTER"},
    {ErrorReason::kConfigSyntax, "CONFIG_SYNTAX"},
    {ErrorReason::kConfigField, "CONFIG_FIELD"},
    {ErrorReason::kPeftType, "PEFT_TYPE"},
    {ErrorReason::kRank, "RANK"},
    {ErrorReason::kAlpha, "ALPHA"},
    {ErrorReason::kRegex, "REGEX"},
    {ErrorReason::kConfigConflict, "CONFIG_CONFLICT"},
    {ErrorReason::kBaseMutated, "BASE_MUTATED"},
    {ErrorReason::kFeature, "FEATURE"},
    {ErrorReason::kStHeaderTooSmall, "ST_HEADER_TOO_SMALL"},
    {ErrorReason::kStHeaderTooLarge, "ST_HEADER_TOO_LARGE"},
    {ErrorReason::kStHeaderLength, "ST_HEADER_LENGTH"},
    {ErrorReason::kStHeaderJson, "ST_HEADER_JSON"},
    {ErrorReason::kStDuplicate, "ST_DUPLICATE"},
    {ErrorReason::kStDtype, "ST_DTYPE"},
    {ErrorReason::kStOffset, "ST_OFFSET"},
    {ErrorReason::kStSize, "ST_SIZE"},
    {ErrorReason::kStLength, "ST_LENGTH"},
    {ErrorReason::kStMetadata, "ST_METADATA"},
    {ErrorReason::kQuota, "QUOTA"},
    {ErrorReason::kKeyUnknown, "KEY_UNKNOWN"},
    {ErrorReason::kKeyUnpaired, "KEY_UNPAIRED"},
    {ErrorReason::kModuleNotFound, "MODULE_NOT_FOUND"},
    {ErrorReason::kModuleType, "MODULE_TYPE"},
    {ErrorReason::kShapeBase, "SHAPE_BASE"},
    {ErrorReason::kShapePair, "SHAPE_PAIR"},
    {ErrorReason::kRankMismatch, "RANK_MISMATCH"},
    {ErrorReason::kUntargeted, "UNTARGETED"},
    {ErrorReason::kDora, "DORA"},
    {ErrorReason::kLoraBias, "LORA_BIAS"},
    {ErrorReason::kSavedModule, "SAVED_MODULE"},
    {ErrorReason::kNonFinite, "NON_FINITE"},
    {ErrorReason::kEmpty, "EMPTY"},
    {ErrorReason::kBaseMismatch, "BASE_MISMATCH"},
    {ErrorReason::kKeyConflict, "KEY_CONFLICT"},
    {ErrorReason::kLycorisAlgo, "LYCORIS_ALGO"},
    {ErrorReason::kKeyInfix, "KEY_INFIX"},
    {ErrorReason::kTokens, "TOKENS"},
    {ErrorReason::kAdapterExists, "ADAPTER_EXISTS"},
    {ErrorReason::kAdapterId, "ADAPTER_ID"},
    {ErrorReason::kPath, "PATH"},
    {ErrorReason::kAdapter, "ADAPTER"},
    {ErrorReason::kState, "STATE"},
    {ErrorReason::kInUse, "IN_USE"},
    {ErrorReason::kNotMerged, "NOT_MERGED"},
    {ErrorReason::kNotMergeable, "NOT_MERGEABLE"},
    {ErrorReason::kWeights, "WEIGHTS"},
    {ErrorReason::kDigestMismatch, "DIGEST_MISMATCH"},
    {ErrorReason::kSourceUnreachable, "SOURCE_UNREACHABLE"},
    {ErrorReason::kSourceDenied, "SOURCE_DENIED"},
    {ErrorReason::kInput, "INPUT"},
    {ErrorReason::kParam, "PARAM"},
    {ErrorReason::kQueue, "QUEUE"},
    {ErrorReason::kCancelled, "CANCELLED"},
    {ErrorReason::kAborted, "ABORTED"},
    {ErrorReason::kBase, "BASE"},
    {ErrorReason::kBaseFeature, "BASE_FEATURE"},
    {ErrorReason::kBaseKind, "BASE_KIND"},
    {ErrorReason::kMemory, "MEMORY"},
    {ErrorReason::kStarting, "STARTING"},
    {ErrorReason::kDraining, "DRAINING"},
    {ErrorReason::kAuth, "AUTH"},
    {ErrorReason::kChatTemplate, "CHAT_TEMPLATE"},
    {ErrorReason::kInternal, "INTERNAL"},
};

}  // namespace

absl::string_view ErrorReasonName(ErrorReason reason) {
  for (const ReasonName& entry : kReasonNames) {
    if (entry.reason == reason) return entry.name;
  }
  return "UNSPECIFIED";
}

absl::Status Error(absl::StatusCode code, ErrorReason reason,
                   absl::string_view message) {
  absl::Status status(code, message);
  status.SetPayload(kReasonPayload, absl::Cord(ErrorReasonName(reason)));
  return status;
}

ErrorReason GetErrorReason(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kReasonPayload);
  if (!payload.has_value()) return ErrorReason::kUnspecified;
  for (const ReasonName& entry : kReasonNames) {
    if (*payload == entry.name) return entry.reason;
  }
  return ErrorReason::kUnspecified;
}

absl::Status WithMetadata(absl::Status status, absl::string_view key,
                          absl::string_view value) {
  const std::string url = absl::StrCat(kMetadataPrefix, key);
  if (!status.GetPayload(url).has_value()) {
    status.SetPayload(url, absl::Cord(value));
  }
  return status;
}

std::map<std::string, std::string> GetErrorMetadata(
    const absl::Status& status) {
  std::map<std::string, std::string> metadata;
  status.ForEachPayload(
      [&metadata](absl::string_view url, const absl::Cord& payload) {
        if (absl::ConsumePrefix(&url, kMetadataPrefix)) {
          metadata.emplace(url, std::string(payload));
        }
      });
  return metadata;
}

absl::Status WithAdapter(absl::Status status, const AdapterId& id) {
  return WithMetadata(std::move(status), "adapter_id", id.value());
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(),
                         absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view url, const absl::Cord& payload) {
        annotated.SetPayload(url, payload);
      });
  return annotated;
}

}  // namespace lora
