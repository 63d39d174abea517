// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_STEP_ADAPTERS_H_
#define LORA_SERVER_LORA_STEP_ADAPTERS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/base/ids.h"

namespace lora {

class LoraWeights;
class MergedWeights;

// One adapter over adjacent rows of a flat batch:
//   y[t] += weight * scaling * (x[t] A^T) B^T,   t in [row_begin, row_end).
struct AdapterTerm {
  int32_t row_begin = 0;
  int32_t row_end = 0;
  AdapterSlot slot;     // Into StepAdapters::adapters.
  float weight = 1.0f;  // The caller's factor; may be negative.

  friend bool operator==(const AdapterTerm&, const AdapterTerm&) = default;
};

// The weights that adjacent rows are multiplied by.
struct WeightSetRun {
  int32_t row_begin = 0;
  int32_t row_end = 0;
  int32_t weight_set = 0;  // 0: the base; i: StepAdapters::merged[i - 1].

  friend bool operator==(const WeightSetRun&, const WeightSetRun&) = default;
};

// The adapters of one step, shared by every layer. Owns no weights: whoever
// builds it keeps what it names pinned until the step has ended.
//
// Invariants: terms are ordered by row_begin, and over the same rows by the
// caller's (canonical) order; two terms cover equal or disjoint rows; weight
// runs cover [0, num_rows) once, in order; no term or run is empty.
struct StepAdapters {
  int32_t num_rows = 0;
  std::vector<AdapterTerm> terms;
  std::vector<WeightSetRun> weight_runs;
  std::vector<const LoraWeights*> adapters;  // By slot, each once.
  std::vector<const MergedWeights*> merged;  // By weight set - 1, each once.
};

// One adapter of a row, with the caller's factor.
struct WeightedSlotAdapter {
  const LoraWeights* adapter = nullptr;
  float weight = 1.0f;

  friend bool operator==(const WeightedSlotAdapter&,
                         const WeightedSlotAdapter&) = default;
};

// What one range of adjacent rows uses.
struct RowAdapters {
  int32_t num_rows = 0;
  // In canonical (key) order, each adapter once; empty: no delta.
  absl::Span<const WeightedSlotAdapter> adapters;
  const MergedWeights* merged = nullptr;  // Null: the base weights.
};

// Builds the tables of a batch whose rows are `ranges`, in order. Adjacent
// ranges that use the same become one; a range without rows adds nothing.
StepAdapters BuildStepAdapters(absl::Span<const RowAdapters> ranges);

}  // namespace lora

#endif  // LORA_SERVER_LORA_STEP_ADAPTERS_H_
