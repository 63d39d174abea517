// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_ERROR_H_
#define LORA_SERVER_BASE_ERROR_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace lora {

// Why a call failed: the stable word that a program can switch on.
//
// It travels as a payload of absl::Status and leaves the server as
// `google.rpc.ErrorInfo.reason`. docs/errors.md says, for each, when it comes
// and what the caller can do.
enum class ErrorReason : uint8_t {
  kUnspecified,
  // Adapter files.
  kAdapterFilesMissing,
  kWeightsMissing,
  kPickleRefused,
  kLfsPointer,
  // adapter_config.json.
  kConfigSyntax,
  kConfigField,
  kPeftType,
  kRank,
  kAlpha,
  kRegex,
  kConfigConflict,
  kBaseMutated,
  kFeature,
  // safetensors.
  kStHeaderTooSmall,
  kStHeaderTooLarge,
  kStHeaderLength,
  kStHeaderJson,
  kStDuplicate,
  kStDtype,
  kStOffset,
  kStSize,
  kStLength,
  kStMetadata,
  kQuota,
  // Adapter tensors.
  kKeyUnknown,
  kKeyUnpaired,
  kModuleNotFound,
  kModuleType,
  kShapeBase,
  kShapePair,
  kRankMismatch,
  kUntargeted,
  kDora,
  kLoraBias,
  kSavedModule,
  kNonFinite,
  kEmpty,
  kBaseMismatch,
  kKeyConflict,
  kLycorisAlgo,
  kKeyInfix,
  kTokens,
  // Adapter life cycle.
  kAdapterExists,
  kAdapterId,
  kPath,
  kAdapter,
  kState,
  kInUse,
  kNotMerged,
  kNotMergeable,
  kWeights,
  kDigestMismatch,
  kSourceUnreachable,
  kSourceDenied,
  // Requests.
  kInput,
  kParam,
  kQueue,
  kCancelled,
  kAborted,
  // Base model and server.
  kBase,
  kBaseFeature,
  kBaseKind,
  kMemory,
  kStarting,
  kDraining,
  kAuth,
  kChatTemplate,
  kInternal,
};

// "MODULE_NOT_FOUND" for kModuleNotFound.
absl::string_view ErrorReasonName(ErrorReason reason);

// A status that carries `reason`. `message` says what was found, what was
// expected, and what to do.
absl::Status Error(absl::StatusCode code, ErrorReason reason,
                   absl::string_view message);

// The reason that `status` carries; kUnspecified when it carries none.
ErrorReason GetErrorReason(const absl::Status& status);

// `status`, which is not OK, with a fact about it for programs; one that it has
// already stays. It leaves the server as google.rpc.ErrorInfo.metadata.
absl::Status WithMetadata(absl::Status status, absl::string_view key,
                          absl::string_view value);
std::map<std::string, std::string> GetErrorMetadata(const absl::Status& status);

// Says which adapter an error is about: the metadata "adapter_id".
absl::Status WithAdapter(absl::Status status, const AdapterId& id);

// `status` with "`context`: " before its message; code and payloads stay.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

}  // namespace lora

#endif  // LORA_SERVER_BASE_ERROR_H_
