// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TENSORFILE_SAFETENSORS_HEADER_H_
#define LORA_SERVER_TENSORFILE_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tensorfile/dtype.h"

namespace lora {

// One tensor's entry: dense, row-major, little endian.
struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;  // Empty: a scalar.
  int64_t begin = 0;           // Relative to the data section.
  int64_t end = 0;

  int64_t bytes() const { return end - begin; }
};

// "[2, 3]".
std::string ShapeText(const std::vector<int64_t>& shape);

struct SafetensorsLimits {
  // Beyond this a file is not a safetensors file, whatever the limits.
  static constexpr int64_t kMaxHeaderBytes = 100'000'000;

  int64_t max_header_bytes = kMaxHeaderBytes;
  int64_t max_tensors = 100'000;
};

// The checked header of a safetensors file: 8 bytes with its length N, then N
// bytes of JSON, then the data. Once parsed, the tensors cover the data section
// exactly, without holes or overlap, and each fits its dtype and shape.
//
// Stricter than the reference reader where that one is laxer than the format:
// a duplicate key, white space before or after the object other than padding
// spaces, unknown fields of an entry, and names with control characters, ".."
// or more than 1 KiB are refused.
//
// Immutable, so thread-safe. Move-only.
class SafetensorsHeader {
 public:
  // Bytes to read from the start of a file of `file_bytes` to have its whole
  // header: 8 + N. `prefix` holds at least its first 8 bytes.
  //
  // INVALID_ARGUMENT: ST_HEADER_TOO_SMALL: shorter than 8 bytes;
  // ST_HEADER_TOO_LARGE: N is over 100 MB; ST_HEADER_LENGTH: N goes past the
  // end. RESOURCE_EXHAUSTED (QUOTA): N is over `limits`.
  static absl::StatusOr<int64_t> PrefixBytes(
      absl::string_view prefix, int64_t file_bytes,
      const SafetensorsLimits& limits = {});

  // Parses `prefix`, the first PrefixBytes (or more) of a file.
  //
  // INVALID_ARGUMENT: the reasons of PrefixBytes; ST_HEADER_JSON,
  // ST_DUPLICATE, ST_METADATA, ST_DTYPE, ST_OFFSET, ST_SIZE; ST_LENGTH: the
  // file is shorter or longer than its tensors. RESOURCE_EXHAUSTED (QUOTA):
  // more tensors, or JSON values, than `limits` allows.
  static absl::StatusOr<SafetensorsHeader> Parse(
      absl::string_view prefix, int64_t file_bytes,
      const SafetensorsLimits& limits = {});

  SafetensorsHeader(SafetensorsHeader&&) = default;
  SafetensorsHeader& operator=(SafetensorsHeader&&) = default;

  // In the order of their data.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  // Null: no such tensor. O(1).
  const TensorInfo* Find(absl::string_view name) const;
  const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }
  // Where the data section starts in the file. Not always aligned.
  int64_t data_offset() const { return data_offset_; }

 private:
  SafetensorsHeader(std::vector<TensorInfo> tensors,
                    std::map<std::string, std::string> metadata,
                    int64_t data_offset);

  std::vector<TensorInfo> tensors_;
  // Keys are the names in tensors_.
  absl::flat_hash_map<absl::string_view, size_t> index_by_name_;
  std::map<std::string, std::string> metadata_;
  int64_t data_offset_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_TENSORFILE_SAFETENSORS_HEADER_H_
