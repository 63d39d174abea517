// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_SPEC_H_
#define LORA_SERVER_ADAPTER_ADAPTER_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

namespace lora {

// How an adapter changes the forward pass.
enum class AdapterKind : uint8_t { kLora };

// Where an adapter's files came from.
enum class AdapterFormat : uint8_t { kPeft };

// One adapted module: y += scaling * (x A^T) B^T.
// Hu et al. 2021, arXiv:2106.09685, section 4.1.
struct AdaptedModule {
  int32_t module_index = 0;  // Into BaseModelSpec::modules.
  int32_t rank = 0;          // Rows of A, columns of B.
  // alpha / rank, or alpha / sqrt(rank) (rsLoRA, Kalajdzievski 2023,
  // arXiv:2312.03732), after patterns.
  float scaling = 1.0f;
  // Row-major, in `dtype`, inside HostAdapter::bytes.
  int64_t a_offset = 0;  // [rank, in_features]
  int64_t b_offset = 0;  // [out_features, rank]
};

enum class AdapterDtype : uint8_t { kF32, kF16, kBF16, kF64 };

// A parsed and checked adapter. Made only by parsing (adapter/format), never
// edited: every module exists in the base and every shape fits it.
struct AdapterSpec {
  AdapterKind kind = AdapterKind::kLora;
  AdapterFormat format = AdapterFormat::kPeft;
  AdapterDtype dtype = AdapterDtype::kF32;
  int32_t max_rank = 0;
  std::vector<AdaptedModule> modules;       // Sorted by module_index.
  std::vector<std::string> target_modules;  // Sorted last components.
  std::vector<std::string> warnings;        // For the load reply.
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_SPEC_H_
