// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TENSORFILE_SAFETENSORS_VIEW_H_
#define LORA_SERVER_TENSORFILE_SAFETENSORS_VIEW_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tensorfile/safetensors_header.h"

namespace lora {

// A safetensors file in memory, owned or mapped by somebody else: its checked
// header and each tensor's bytes. See SafetensorsHeader for what is checked.
//
// Immutable, so thread-safe. The file's bytes must outlive it.
class SafetensorsView {
 public:
  // Errors as SafetensorsHeader::Parse.
  static absl::StatusOr<SafetensorsView> Parse(
      absl::string_view file, const SafetensorsLimits& limits = {});

  const std::vector<TensorInfo>& tensors() const { return header_.tensors(); }
  const TensorInfo* Find(absl::string_view name) const {
    return header_.Find(name);
  }
  const std::map<std::string, std::string>& metadata() const {
    return header_.metadata();
  }

  // Where `tensor`'s bytes start in the file. Not always aligned to its dtype.
  int64_t FileOffset(const TensorInfo& tensor) const {
    return header_.data_offset() + tensor.begin;
  }
  absl::string_view Data(const TensorInfo& tensor) const {
    return file_.substr(FileOffset(tensor), tensor.bytes());
  }

 private:
  SafetensorsView(absl::string_view file, SafetensorsHeader header)
      : file_(file), header_(std::move(header)) {}

  absl::string_view file_;
  SafetensorsHeader header_;
};

}  // namespace lora

#endif  // LORA_SERVER_TENSORFILE_SAFETENSORS_VIEW_H_
