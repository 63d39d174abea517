// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/step_inputs.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {
namespace {

absl::Status Broken(absl::string_view message) {
  return Error(absl::StatusCode::kInternal, ErrorReason::kInternal,
               absl::StrCat("step inputs: ", message));
}

absl::Status CheckSequence(const SequenceRows& rows, int32_t expected_begin,
                           const StepBounds& bounds) {
  if (rows.row_begin != expected_begin || rows.row_end <= rows.row_begin) {
    return Broken(absl::StrCat("a sequence has rows ", rows.row_begin, " to ",
                               rows.row_end, ", expected to begin at ",
                               expected_begin));
  }
  if (rows.position_begin < 0 || rows.prompt_length <= 0) {
    return Broken(absl::StrCat("a sequence is at position ",
                               rows.position_begin, " of a prompt of ",
                               rows.prompt_length));
  }
  const int64_t positions =
      int64_t{rows.position_begin} + rows.row_end - rows.row_begin;
  const int64_t blocks =
      (positions + bounds.block_size - 1) / bounds.block_size;
  if (static_cast<int64_t>(rows.block_table.size()) < blocks) {
    return Broken(absl::StrCat(positions, " positions need ", blocks,
                               " blocks, the table has ",
                               rows.block_table.size()));
  }
  for (const int32_t block : rows.block_table.first(blocks)) {
    if (block >= 0 && block < bounds.num_blocks) continue;
    return Broken(absl::StrCat("block ", block, " of ", bounds.num_blocks));
  }
  return absl::OkStatus();
}

// How many of `rows` come before `row`.
int32_t RowsBefore(absl::Span<const int32_t> rows, int32_t row) {
  return static_cast<int32_t>(std::lower_bound(rows.begin(), rows.end(), row) -
                              rows.begin());
}

}  // namespace

absl::Status CheckStepInputs(const StepInputs& inputs,
                             const StepBounds& bounds) {
  const int32_t rows = static_cast<int32_t>(inputs.token_ids.size());
  if (rows == 0) return Broken("no rows");
  if (inputs.adapters.num_rows != rows) {
    return Broken(absl::StrCat(inputs.adapters.num_rows,
                               " rows have adapters, expected ", rows));
  }
  for (const int32_t id : inputs.token_ids) {
    if (id >= 0 && id < bounds.vocab_size) continue;
    return Broken(absl::StrCat("token ", id, " of ", bounds.vocab_size));
  }
  int32_t next_row = 0;
  for (const SequenceRows& sequence : inputs.sequences) {
    const absl::Status checked = CheckSequence(sequence, next_row, bounds);
    if (!checked.ok()) return checked;
    next_row = sequence.row_end;
  }
  if (next_row != rows) {
    return Broken(
        absl::StrCat("sequences cover ", next_row, " of ", rows, " rows"));
  }
  int32_t least_row = 0;
  for (const int32_t row : inputs.logit_rows) {
    if (row < least_row || row >= rows) {
      return Broken(absl::StrCat("logit row ", row, " of ", rows, ", expected ",
                                 least_row, " or more"));
    }
    least_row = row + 1;
  }
  return absl::OkStatus();
}

StepAdapters SelectRows(const StepAdapters& adapters,
                        absl::Span<const int32_t> rows) {
  StepAdapters selected;
  selected.num_rows = static_cast<int32_t>(rows.size());
  selected.adapters = adapters.adapters;
  selected.merged = adapters.merged;
  for (AdapterTerm term : adapters.terms) {
    term.row_begin = RowsBefore(rows, term.row_begin);
    term.row_end = RowsBefore(rows, term.row_end);
    if (term.row_begin < term.row_end) selected.terms.push_back(term);
  }
  for (WeightSetRun run : adapters.weight_runs) {
    run.row_begin = RowsBefore(rows, run.row_begin);
    run.row_end = RowsBefore(rows, run.row_end);
    if (run.row_begin < run.row_end) selected.weight_runs.push_back(run);
  }
  return selected;
}

}  // namespace lora
