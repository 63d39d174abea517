// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_SCHEDULER_BATCH_PLAN_H_
#define LORA_SERVER_SCHEDULER_BATCH_PLAN_H_

#include <cstdint>
#include <vector>

#include "server/scheduler/sequence.h"

namespace lora {

// One step's work. Its sequences live until the step's Commit.
struct BatchPlan {
  // Positions [token_begin, token_end) of a sequence: one token when it
  // decodes, a part of the prompt when it prefills.
  struct Item {
    const Sequence* sequence = nullptr;
    int32_t token_begin = 0;
    int32_t token_end = 0;

    int32_t num_rows() const { return token_end - token_begin; }
    // The last known token is computed: a new one can be sampled.
    bool samples() const { return token_end == sequence->num_tokens(); }
  };
  // The order of rows in the batch: sequences with equal adapter sets and
  // paths are adjacent.
  std::vector<Item> items;

  bool empty() const { return items.empty(); }
};

}  // namespace lora

#endif  // LORA_SERVER_SCHEDULER_BATCH_PLAN_H_
