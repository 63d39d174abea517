// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/safetensors_entry.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxDimensions = 8;

absl::Status Invalid(ErrorReason reason, absl::string_view name,
                     absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, reason,
               absl::StrCat("tensor \"", name, "\": ", what));
}

// A short ASCII form of a value, for messages.
std::string Excerpt(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/true).substr(0, 64);
}

absl::Status CheckName(absl::string_view name) {
  if (name.size() > kMaxNameBytes) {
    return Invalid(
        ErrorReason::kStHeaderJson, Excerpt(Json(std::string(name))),
        absl::StrCat("its name is ", name.size(), " bytes long; at most ",
                     kMaxNameBytes, " are accepted"));
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      return Error(absl::StatusCode::kInvalidArgument,
                   ErrorReason::kStHeaderJson,
                   "a tensor's name holds a control character");
    }
  }
  if (absl::StrContains(name, "..")) {
    return Invalid(ErrorReason::kStHeaderJson, name, "its name holds \"..\"");
  }
  return absl::OkStatus();
}

// A JSON number that is a non-negative integer of 63 bits.
std::optional<int64_t> ToIndex(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<uint64_t>();
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (number > kMax) return std::nullopt;
  return static_cast<int64_t>(number);
}

absl::StatusOr<std::vector<int64_t>> ParseShape(absl::string_view name,
                                                const Json& value) {
  if (!value.is_array()) {
    return Invalid(ErrorReason::kStHeaderJson, name, "shape is not a list");
  }
  if (value.size() > kMaxDimensions) {
    return Invalid(
        ErrorReason::kStSize, name,
        absl::StrCat("shape has ", value.size(), " dimensions; at most ",
                     kMaxDimensions, " are accepted"));
  }
  std::vector<int64_t> shape;
  shape.reserve(value.size());
  for (const Json& dimension : value) {
    const std::optional<int64_t> size = ToIndex(dimension);
    if (!size.has_value()) {
      return Invalid(ErrorReason::kStSize, name,
                     absl::StrCat("shape holds ", Excerpt(dimension),
                                  "; expected non-negative integers"));
    }
    shape.push_back(*size);
  }
  return shape;
}

absl::Status ParseRange(const Json& value, TensorInfo& info) {
  if (!value.is_array() || value.size() != 2) {
    return Invalid(ErrorReason::kStHeaderJson, info.name,
                   "data_offsets is not a list [begin, end]");
  }
  const std::optional<int64_t> begin = ToIndex(value[0]);
  const std::optional<int64_t> end = ToIndex(value[1]);
  if (!begin.has_value() || !end.has_value() || *begin > *end) {
    return Invalid(ErrorReason::kStOffset, info.name,
                   absl::StrCat("data_offsets is ", Excerpt(value),
                                "; expected integers 0 <= begin <= end"));
  }
  info.begin = *begin;
  info.end = *end;
  return absl::OkStatus();
}

// Whether shape and dtype need exactly the bytes of the range.
absl::Status CheckSize(const TensorInfo& info) {
  uint64_t bits = 1;
  bool overflow = false;
  for (const int64_t size : info.shape) {
    overflow |=
        __builtin_mul_overflow(bits, static_cast<uint64_t>(size), &bits);
  }
  overflow |= __builtin_mul_overflow(
      bits, static_cast<uint64_t>(DtypeBits(info.dtype)), &bits);
  const std::string what = absl::StrCat("shape ", ShapeText(info.shape), " of ",
                                        DtypeName(info.dtype));
  if (overflow) {
    return Invalid(ErrorReason::kStSize, info.name,
                   absl::StrCat(what, " has more than 2^64 bits"));
  }
  if (bits % 8 != 0) {
    return Invalid(ErrorReason::kStSize, info.name,
                   absl::StrCat(what, " does not fill whole bytes"));
  }
  if (static_cast<uint64_t>(info.bytes()) != bits / 8) {
    return Invalid(
        ErrorReason::kStSize, info.name,
        absl::StrCat(what, " needs ", bits / 8,
                     " bytes, but data_offsets span ", info.bytes()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorInfo> ParseTensorEntry(const std::string& name,
                                            const Json& value) {
  LORA_RETURN_IF_ERROR(CheckName(name));
  if (!value.is_object()) {
    return Invalid(ErrorReason::kStHeaderJson, name,
                   "its entry is not an object");
  }
  const auto dtype = value.find("dtype");
  const auto shape = value.find("shape");
  const auto range = value.find("data_offsets");
  if (value.size() != 3 || dtype == value.end() || shape == value.end() ||
      range == value.end()) {
    return Invalid(ErrorReason::kStHeaderJson, name,
                   "its entry must hold dtype, shape and data_offsets, and "
                   "nothing else");
  }
  TensorInfo info;
  info.name = name;
  const std::optional<Dtype> parsed =
      dtype->is_string() ? ParseDtype(dtype->get_ref<const std::string&>())
                         : std::nullopt;
  if (!parsed.has_value()) {
    return Invalid(ErrorReason::kStDtype, name,
                   absl::StrCat("dtype is ", Excerpt(*dtype),
                                ", which is no safetensors type"));
  }
  info.dtype = *parsed;
  LORA_ASSIGN_OR_RETURN(info.shape, ParseShape(name, *shape));
  LORA_RETURN_IF_ERROR(ParseRange(*range, info));
  LORA_RETURN_IF_ERROR(CheckSize(info));
  return info;
}

absl::StatusOr<std::map<std::string, std::string>> ParseTensorMetadata(
    const Json& value) {
  std::map<std::string, std::string> metadata;
  if (value.is_null()) return metadata;
  const auto error = [](absl::string_view what) {
    return Error(
        absl::StatusCode::kInvalidArgument, ErrorReason::kStMetadata,
        absl::StrCat("__metadata__ ", what, "; expected an object of strings"));
  };
  if (!value.is_object()) {
    return error(absl::StrCat("is of type ", value.type_name()));
  }
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return error(absl::StrCat("holds a value of type ", text.type_name()));
    }
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

}  // namespace lora
