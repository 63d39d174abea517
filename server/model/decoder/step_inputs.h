// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_STEP_INPUTS_H_
#define LORA_SERVER_MODEL_DECODER_STEP_INPUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/lora/step_adapters.h"

namespace lora {

// The rows of one sequence in a step: consecutive positions of it.
struct SequenceRows {
  int32_t row_begin = 0;
  int32_t row_end = 0;
  int32_t position_begin = 0;  // Of the row at row_begin.
  // Tokens of the request's prompt. Positions from here on are generated, also
  // when they are computed again after a preemption: dynamic RoPE scaling
  // treats the two differently.
  int32_t prompt_length = 0;
  // Block i holds positions [i * block_size, (i + 1) * block_size).
  absl::Span<const int32_t> block_table;
};

// One step's work, as a value. Owns no weights and no blocks: whoever builds it
// keeps what it names pinned until the step has ended.
struct StepInputs {
  std::vector<int32_t> token_ids;       // [rows]
  std::vector<SequenceRows> sequences;  // Cover all rows once, in order.
  std::vector<int32_t> logit_rows;      // Ascending; may be empty.
  StepAdapters adapters;                // num_rows == rows.
};

// What the ids of a step's inputs are bounded by.
struct StepBounds {
  int64_t vocab_size = 0;
  int64_t num_blocks = 0;
  int64_t block_size = 0;
};

// INTERNAL: `inputs` break an invariant above, or an id is out of bounds.
absl::Status CheckStepInputs(const StepInputs& inputs,
                             const StepBounds& bounds);

// The tables of the step that consists of `rows` (ascending) of `adapters`
// alone.
StepAdapters SelectRows(const StepAdapters& adapters,
                        absl::Span<const int32_t> rows);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_STEP_INPUTS_H_
