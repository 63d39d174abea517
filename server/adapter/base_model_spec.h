// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_BASE_MODEL_SPEC_H_
#define LORA_SERVER_ADAPTER_BASE_MODEL_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace lora {

enum class ModuleType : uint8_t {
  kLinear,     // Adaptable.
  kEmbedding,  // Exists; not adaptable yet.
  kNorm,       // Exists; never adaptable.
};

// One named module of the base model.
struct BaseModule {
  std::string path;  // "model.layers.0.self_attn.q_proj"
  ModuleType type = ModuleType::kLinear;
  int64_t in_features = 0;
  int64_t out_features = 0;
};

// What adapters are checked against. Immutable once built; made by model/.
struct BaseModelSpec {
  std::string name;         // Folder name, or `_name_or_path`; for messages.
  std::string model_type;   // "llama"
  std::string fingerprint;  // Hex digest over config and weights' identity.
  int64_t vocab_size = 0;
  // In execution order. A module's index here is its index everywhere.
  std::vector<BaseModule> modules;

  // The index of the module at `path`. O(1) after IndexModules.
  std::optional<int32_t> FindModule(absl::string_view path) const {
    const auto it = index_by_path.find(path);
    if (it == index_by_path.end()) return std::nullopt;
    return it->second;
  }
  // Builds the index; to be called once `modules` is complete.
  void IndexModules() {
    for (int32_t i = 0; i < static_cast<int32_t>(modules.size()); ++i) {
      index_by_path.emplace(modules[i].path, i);
    }
  }
  absl::flat_hash_map<std::string, int32_t> index_by_path;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_BASE_MODEL_SPEC_H_
