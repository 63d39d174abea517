// SPDX-License-Identifier: Apache-2.0
#include "server/model/sampling_params.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status OutOfRange(absl::string_view field, double value,
                        absl::string_view expected) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               absl::StrCat(field, " is ", value, ", expected ", expected));
}

// Written so that NaN is out of range.
absl::Status CheckRange(absl::string_view field, double value, double min,
                        double max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return OutOfRange(field, value, absl::StrCat(min, " to ", max));
}

// As CheckRange, with `min` itself out of range.
absl::Status CheckAbove(absl::string_view field, double value, double min,
                        double max) {
  if (value > min && value <= max) return absl::OkStatus();
  return OutOfRange(field, value,
                    absl::StrCat("more than ", min, " and at most ", max));
}

}  // namespace

absl::Status ValidateSamplingParams(const SamplingParams& params) {
  LORA_RETURN_IF_ERROR(
      CheckRange("temperature", params.temperature, 0.0, kMaxTemperature));
  if (params.top_k < 0) {
    return OutOfRange("top_k", params.top_k, "0 (off) or more");
  }
  LORA_RETURN_IF_ERROR(CheckAbove("top_p", params.top_p, 0.0, 1.0));
  LORA_RETURN_IF_ERROR(CheckRange("min_p", params.min_p, 0.0, 1.0));
  LORA_RETURN_IF_ERROR(CheckAbove("repetition_penalty",
                                  params.repetition_penalty, 0.0,
                                  kMaxRepetitionPenalty));
  LORA_RETURN_IF_ERROR(
      CheckRange("frequency_penalty", params.frequency_penalty, -2.0, 2.0));
  LORA_RETURN_IF_ERROR(
      CheckRange("presence_penalty", params.presence_penalty, -2.0, 2.0));
  return CheckRange("top_logprobs", params.top_logprobs, 0, kMaxTopLogprobs);
}

}  // namespace lora
