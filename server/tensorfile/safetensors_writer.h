// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TENSORFILE_SAFETENSORS_WRITER_H_
#define LORA_SERVER_TENSORFILE_SAFETENSORS_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/tensorfile/dtype.h"

namespace lora {

// A tensor to be written.
struct TensorSource {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  absl::string_view data;  // Dense, row-major, little endian.
};

// The bytes of a safetensors file, the same that the reference writer makes:
// tensors by dtype descending, then by name; compact JSON with `metadata`
// (left out when empty, by key) first; the header padded with spaces to a
// multiple of 8.
//
// INVALID_ARGUMENT: what SafetensorsHeader would refuse to read: a name twice
// (ST_DUPLICATE), data that does not fit shape and dtype (ST_SIZE), a name that
// is not clean UTF-8 (ST_HEADER_JSON).
absl::StatusOr<std::string> WriteSafetensors(
    absl::Span<const TensorSource> tensors,
    const std::map<std::string, std::string>& metadata);

}  // namespace lora

#endif  // LORA_SERVER_TENSORFILE_SAFETENSORS_WRITER_H_
