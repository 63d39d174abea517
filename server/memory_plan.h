// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MEMORY_PLAN_H_
#define LORA_SERVER_MEMORY_PLAN_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/config.h"

namespace lora {

// What a server may use.
struct MachineMemory {
  int64_t host_bytes = 0;
  // Of the accelerator; none: the model runs on the CPU, out of host_bytes.
  std::optional<int64_t> device_bytes;
};

// What its base model takes.
struct ModelMemory {
  int64_t weight_bytes = 0;
  int64_t staging_bytes = 0;  // On the host, until the weights are loaded.
  // For each row of the largest step, and for each that samples besides.
  int64_t row_bytes = 0;
  int64_t logit_row_bytes = 0;
  int64_t kv_block_bytes = 0;
};

struct MemoryBudgets {
  int64_t kv = 0;
  int64_t host = 0;
  int64_t device = 0;
  int64_t merged = 0;
};

// Fits the four budgets beside the weights and the largest step, before
// anything is allocated, so that a server which has started does not run out of
// memory later.
//
// What a flag asks for is kept to the byte or refused. The budgets that no flag
// names get their defaults, or less of them, each by the same factor, where
// memory is short.
//
// RESOURCE_EXHAUSTED (MEMORY): the weights, the largest step and what the flags
// ask for exceed the memory, or loading does, or keys and values get less than
// two blocks; the message names the flags to change, those of the step first
// where one of them is enough.
absl::StatusOr<MemoryBudgets> PlanMemory(const Config& config,
                                         const MachineMemory& machine,
                                         const ModelMemory& model);

}  // namespace lora

#endif  // LORA_SERVER_MEMORY_PLAN_H_
