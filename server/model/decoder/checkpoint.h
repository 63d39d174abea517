// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_CHECKPOINT_H_
#define LORA_SERVER_MODEL_DECODER_CHECKPOINT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tensorfile/safetensors_header.h"

namespace lora {

// One tensor of a checkpoint. Its bytes are mapped: not always aligned, and
// read from disk when first touched.
struct CheckpointTensor {
  const TensorInfo* info = nullptr;
  absl::string_view bytes;

  // Whether the elements can be read in place.
  bool aligned() const;
};

// The weights of a model folder, mapped: model.safetensors, or the shards that
// model.safetensors.index.json lists. A single file wins where both are there.
//
// Immutable, so thread-safe. Move-only.
class Checkpoint {
 public:
  // FAILED_PRECONDITION (BASE): no weights, a missing or malformed file, an
  // index that names a path, a tensor that is not in its shard.
  static absl::StatusOr<Checkpoint> Open(const std::string& directory);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  // Unset: no such tensor. O(1).
  std::optional<CheckpointTensor> Find(absl::string_view name) const;
  // Sorted.
  std::vector<std::string> TensorNames() const;

  // A digest over each file's name, length and header, and samples of its data
  // (enough to tell two trainings of one architecture apart, without reading
  // everything).
  std::string Digest() const;

 private:
  struct File;

  Checkpoint() = default;
  absl::Status AddFile(const std::string& directory, const std::string& name);
  absl::Status AddAllTensors();
  absl::Status AddShards(const std::string& directory,
                         absl::string_view index_json);

  std::vector<std::unique_ptr<File>> files_;
  absl::flat_hash_map<std::string, CheckpointTensor> tensors_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_CHECKPOINT_H_
