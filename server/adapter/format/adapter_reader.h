// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_ADAPTER_READER_H_
#define LORA_SERVER_ADAPTER_FORMAT_ADAPTER_READER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/base_model_spec.h"
#include "server/adapter/host_adapter.h"
#include "server/base/file.h"
#include "server/base/ids.h"

namespace lora {

// What one adapter may cost at most.
struct ReadLimits {
  int64_t max_file_bytes = int64_t{16} << 30;
  int64_t max_header_bytes = int64_t{16} << 20;
  int64_t max_tensors = 20'000;
  int32_t max_rank = 4096;
};

// How an adapter is read.
struct ReadOptions {
  AdapterLoadOptions load;  // What the caller asked for.
  ReadLimits limits;        // What the server allows.
  OpenedFileCheck check;    // Of every file and folder that is opened.
  std::string source;  // What the caller calls the folder; see AdapterLabel.
  // What the weights were measured to be: there is room for no more.
  int64_t max_bytes = std::numeric_limits<int64_t>::max();
};

// Hears how far a read is, in [0, 1], every few MiB; a status that is not OK
// stops it.
using ReadProgress = absl::FunctionRef<absl::Status(double progress)>;

// Reads the adapter in `directory` and checks it against `base`: afterwards
// every module exists, every shape fits and every value is finite. What would
// change the forward pass in a way that is not implemented is refused by name,
// never ignored. The digest in the result's key covers adapter_config.json and
// the weights.
//
// Checks run in this order, and the first failure is the answer: paths and
// sizes, first bytes, safetensors header, config, names, pairs, base modules,
// shapes, data, finite values.
//
// NOT_FOUND: ADAPTER_FILES_MISSING, WEIGHTS_MISSING. INVALID_ARGUMENT,
// FAILED_PRECONDITION and UNIMPLEMENTED: the reasons of docs/errors.md for
// adapter files, adapter_config.json, safetensors and adapter tensors.
// RESOURCE_EXHAUSTED: QUOTA, RANK: over its limits. PERMISSION_DENIED (PATH): a
// file may not be read or is not a regular one. UNAVAILABLE
// (SOURCE_UNREACHABLE): it cannot be read now, or is larger than
// `options.max_bytes`. DATA_LOSS: a file changed while it was read. What
// `progress` and `options.check` returned. Every message names the adapter and
// the file.
absl::StatusOr<std::unique_ptr<HostAdapter>> ReadAdapter(
    const std::string& directory, const AdapterId& id,
    const BaseModelSpec& base, const ReadOptions& options,
    ReadProgress progress);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_ADAPTER_READER_H_
