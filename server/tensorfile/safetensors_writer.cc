// SPDX-License-Identifier: Apache-2.0
#include "server/tensorfile/safetensors_writer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/base/json.h"
#include "server/base/status_macros.h"
#include "server/tensorfile/safetensors_header.h"

namespace lora {
namespace {

constexpr size_t kAlignment = 8;

std::string Quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<const TensorSource*> InFileOrder(
    absl::Span<const TensorSource> tensors) {
  std::vector<const TensorSource*> order;
  order.reserve(tensors.size());
  for (const TensorSource& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const TensorSource* x, const TensorSource* y) {
              if (x->dtype != y->dtype) return x->dtype > y->dtype;
              return x->name < y->name;
            });
  return order;
}

std::string HeaderText(absl::Span<const TensorSource* const> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> entries;
  entries.reserve(tensors.size() + 1);
  if (!metadata.empty()) {
    const std::string pairs =
        absl::StrJoin(metadata, ",", [](std::string* out, const auto& pair) {
          absl::StrAppend(out, Quoted(pair.first), ":", Quoted(pair.second));
        });
    entries.push_back(absl::StrCat("\"__metadata__\":{", pairs, "}"));
  }
  size_t begin = 0;
  for (const TensorSource* tensor : tensors) {
    const size_t end = begin + tensor->data.size();
    entries.push_back(absl::StrCat(
        Quoted(tensor->name), ":{\"dtype\":\"", DtypeName(tensor->dtype),
        "\",\"shape\":[", absl::StrJoin(tensor->shape, ","),
        "],\"data_offsets\":[", begin, ",", end, "]}"));
    begin = end;
  }
  std::string text = absl::StrCat("{", absl::StrJoin(entries, ","), "}");
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

std::string LittleEndian64(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes.push_back(static_cast<char>(value >> (8 * i)));
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> WriteSafetensors(
    absl::Span<const TensorSource> tensors,
    const std::map<std::string, std::string>& metadata) {
  const std::vector<const TensorSource*> order = InFileOrder(tensors);
  const std::string header = HeaderText(order, metadata);
  std::string file = absl::StrCat(LittleEndian64(header.size()), header);
  size_t file_bytes = file.size();
  for (const TensorSource* tensor : order) file_bytes += tensor->data.size();
  LORA_ASSIGN_OR_RETURN(
      const SafetensorsHeader parsed,
      SafetensorsHeader::Parse(file, static_cast<int64_t>(file_bytes)));
  for (const TensorSource* tensor : order) {
    if (parsed.Find(tensor->name) == nullptr) {
      return Error(absl::StatusCode::kInvalidArgument,
                   ErrorReason::kStHeaderJson,
                   "a tensor's name is not UTF-8 or is __metadata__");
    }
  }
  file.reserve(file_bytes);
  for (const TensorSource* tensor : order) {
    file.append(tensor->data.data(), tensor->data.size());
  }
  return file;
}

}  // namespace lora
