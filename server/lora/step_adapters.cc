// SPDX-License-Identifier: Apache-2.0
#include "server/lora/step_adapters.h"

#include <utility>

#include "absl/container/flat_hash_map.h"

namespace lora {
namespace {

// Fills the tables range by range.
class Builder {
 public:
  // Adds rows [tables.num_rows, tables.num_rows + range.num_rows).
  void Add(const RowAdapters& range);

  StepAdapters Finish() && { return std::move(tables_); }

 private:
  void AddTerms(const RowAdapters& range, int32_t row_begin, int32_t row_end);
  void AddWeightRun(int32_t weight_set, int32_t row_begin, int32_t row_end);
  AdapterSlot SlotOf(const LoraWeights* adapter);
  int32_t WeightSetOf(const MergedWeights* merged);

  StepAdapters tables_;
  absl::flat_hash_map<const LoraWeights*, AdapterSlot> slots_;
  absl::flat_hash_map<const MergedWeights*, int32_t> weight_sets_;
  // Adapters of the last rows; their terms are the last of tables_.terms.
  absl::Span<const WeightedSlotAdapter> last_adapters_;
};

void Builder::Add(const RowAdapters& range) {
  if (range.num_rows == 0) return;
  const int32_t row_begin = tables_.num_rows;
  const int32_t row_end = row_begin + range.num_rows;
  tables_.num_rows = row_end;
  AddTerms(range, row_begin, row_end);
  AddWeightRun(WeightSetOf(range.merged), row_begin, row_end);
}

void Builder::AddTerms(const RowAdapters& range, int32_t row_begin,
                       int32_t row_end) {
  const absl::Span<const WeightedSlotAdapter> adapters = range.adapters;
  if (!adapters.empty() && adapters == last_adapters_) {
    const absl::Span<AdapterTerm> terms = absl::MakeSpan(tables_.terms);
    for (AdapterTerm& term : terms.subspan(terms.size() - adapters.size())) {
      term.row_end = row_end;
    }
    return;
  }
  for (const WeightedSlotAdapter& adapter : adapters) {
    tables_.terms.push_back(
        {row_begin, row_end, SlotOf(adapter.adapter), adapter.weight});
  }
  last_adapters_ = adapters;
}

void Builder::AddWeightRun(int32_t weight_set, int32_t row_begin,
                           int32_t row_end) {
  auto& runs = tables_.weight_runs;
  if (!runs.empty() && runs.back().weight_set == weight_set) {
    runs.back().row_end = row_end;
  } else {
    runs.push_back({row_begin, row_end, weight_set});
  }
}

AdapterSlot Builder::SlotOf(const LoraWeights* adapter) {
  const auto next = AdapterSlot(static_cast<int32_t>(tables_.adapters.size()));
  const auto [it, inserted] = slots_.emplace(adapter, next);
  if (inserted) tables_.adapters.push_back(adapter);
  return it->second;
}

int32_t Builder::WeightSetOf(const MergedWeights* merged) {
  if (merged == nullptr) return 0;
  const auto next = static_cast<int32_t>(tables_.merged.size()) + 1;
  const auto [it, inserted] = weight_sets_.emplace(merged, next);
  if (inserted) tables_.merged.push_back(merged);
  return it->second;
}

}  // namespace

StepAdapters BuildStepAdapters(absl::Span<const RowAdapters> ranges) {
  Builder builder;
  for (const RowAdapters& range : ranges) builder.Add(range);
  return std::move(builder).Finish();
}

}  // namespace lora
