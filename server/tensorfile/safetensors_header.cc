// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/safetensors_header.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/base/json.h"
#include "server/base/status_macros.h"
#include "server/tensorfile/safetensors_entry.h"

namespace lora {
namespace {

constexpr int64_t kLengthBytes = 8;
constexpr absl::string_view kMetadataKey = "__metadata__";

absl::Status Invalid(ErrorReason reason, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason, message);
}

absl::Status OverLimit(absl::string_view message) {
  return Error(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
               message);
}

uint64_t LoadLittleEndian64(absl::string_view bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// How many JSON values a header may have: 6 and one a dimension for a tensor,
// with room for long shapes and for metadata.
size_t MaxValues(int64_t max_tensors) {
  constexpr int64_t kValuesPerTensor = 16;
  constexpr int64_t kOtherValues = 100'000;
  return static_cast<size_t>(
      std::min(max_tensors, SafetensorsLimits::kMaxHeaderBytes) *
          kValuesPerTensor +
      kOtherValues);
}

// Parses the header's text to an object. Padding is spaces on the right only.
absl::StatusOr<Json> ParseHeaderText(absl::string_view text,
                                     int64_t max_tensors) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.empty() || text.front() != '{' || text.back() != '}') {
    return Invalid(ErrorReason::kStHeaderJson,
                   "the safetensors header is not a JSON object padded with "
                   "spaces");
  }
  absl::StatusOr<Json> json = ParseJson(
      text, {.max_bytes = text.size(), .max_values = MaxValues(max_tensors)});
  if (json.ok()) return json;
  if (IsTooManyValuesError(json.status())) {
    return OverLimit(
        absl::StrCat("the safetensors header ", json.status().message(),
                     ", too many for the limit of ", max_tensors, " tensors"));
  }
  const ErrorReason reason = IsDuplicateKeyError(json.status())
                                 ? ErrorReason::kStDuplicate
                                 : ErrorReason::kStHeaderJson;
  return Invalid(reason,
                 absl::StrCat("safetensors header: ", json.status().message()));
}

// Whether the tensors, in order of their ranges, fill [0, data_bytes).
absl::Status CheckCoverage(const std::vector<TensorInfo>& tensors,
                           int64_t data_bytes) {
  int64_t end = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != end) {
      return Invalid(
          ErrorReason::kStOffset,
          absl::StrCat("tensor \"", tensor.name, "\" starts at byte ",
                       tensor.begin, " of the data, ",
                       tensor.begin < end ? "inside" : "behind a hole after",
                       " the tensor that ends at ", end));
    }
    end = tensor.end;
  }
  if (end != data_bytes) {
    return Invalid(
        ErrorReason::kStLength,
        absl::StrCat("the tensors take ", end, " bytes, but the file holds ",
                     data_bytes, " bytes of data; it is ",
                     end > data_bytes ? "truncated" : "followed by junk",
                     ": copy it again"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<int64_t> SafetensorsHeader::PrefixBytes(
    absl::string_view prefix, int64_t file_bytes,
    const SafetensorsLimits& limits) {
  if (file_bytes < kLengthBytes ||
      static_cast<int64_t>(prefix.size()) < kLengthBytes) {
    return Invalid(ErrorReason::kStHeaderTooSmall,
                   absl::StrCat("the file is ", file_bytes,
                                " bytes long; a safetensors file has at least ",
                                kLengthBytes));
  }
  const uint64_t header_bytes = LoadLittleEndian64(prefix);
  if (header_bytes > SafetensorsLimits::kMaxHeaderBytes) {
    return Invalid(
        ErrorReason::kStHeaderTooLarge,
        absl::StrCat("the header claims ", header_bytes, " bytes; at most ",
                     SafetensorsLimits::kMaxHeaderBytes,
                     " are legal: is this a safetensors file?"));
  }
  const auto length = static_cast<int64_t>(header_bytes);
  if (length > file_bytes - kLengthBytes) {
    return Invalid(
        ErrorReason::kStHeaderLength,
        absl::StrCat("the header claims ", length, " bytes, but the file has ",
                     file_bytes, ": it is truncated, copy it again"));
  }
  if (length > limits.max_header_bytes) {
    return OverLimit(absl::StrCat("the header has ", length,
                                  " bytes; the limit is ",
                                  limits.max_header_bytes));
  }
  return kLengthBytes + length;
}

absl::StatusOr<SafetensorsHeader> SafetensorsHeader::Parse(
    absl::string_view prefix, int64_t file_bytes,
    const SafetensorsLimits& limits) {
  LORA_ASSIGN_OR_RETURN(const int64_t data_offset,
                        PrefixBytes(prefix, file_bytes, limits));
  if (static_cast<int64_t>(prefix.size()) < data_offset) {
    return Invalid(ErrorReason::kStHeaderLength,
                   absl::StrCat("the header ends at byte ", data_offset,
                                ", but only ", prefix.size(), " were given"));
  }
  LORA_ASSIGN_OR_RETURN(
      const Json root,
      ParseHeaderText(prefix.substr(kLengthBytes, data_offset - kLengthBytes),
                      limits.max_tensors));
  if (static_cast<int64_t>(root.size()) > limits.max_tensors + 1) {
    return OverLimit(absl::StrCat("the file holds ", root.size(),
                                  " tensors; the limit is ",
                                  limits.max_tensors));
  }
  std::vector<TensorInfo> tensors;
  tensors.reserve(root.size());
  std::map<std::string, std::string> metadata;
  for (const auto& [name, value] : root.items()) {
    if (name == kMetadataKey) {
      LORA_ASSIGN_OR_RETURN(metadata, ParseTensorMetadata(value));
      continue;
    }
    LORA_ASSIGN_OR_RETURN(TensorInfo tensor, ParseTensorEntry(name, value));
    tensors.push_back(std::move(tensor));
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo& x, const TensorInfo& y) {
              return std::tie(x.begin, x.end, x.name) <
                     std::tie(y.begin, y.end, y.name);
            });
  LORA_RETURN_IF_ERROR(CheckCoverage(tensors, file_bytes - data_offset));
  return SafetensorsHeader(std::move(tensors), std::move(metadata),
                           data_offset);
}

SafetensorsHeader::SafetensorsHeader(
    std::vector<TensorInfo> tensors,
    std::map<std::string, std::string> metadata, int64_t data_offset)
    : tensors_(std::move(tensors)),
      metadata_(std::move(metadata)),
      data_offset_(data_offset) {
  index_by_name_.reserve(tensors_.size());
  for (size_t i = 0; i < tensors_.size(); ++i) {
    index_by_name_.emplace(tensors_[i].name, i);
  }
}

const TensorInfo* SafetensorsHeader::Find(absl::string_view name) const {
  const auto it = index_by_name_.find(name);
  return it == index_by_name_.end() ? nullptr : &tensors_[it->second];
}

}  // namespace lora
