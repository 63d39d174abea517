// SPDX-License-Identifier: Apache-2.0
#include "server/lora/lora_linear.h"

#include "absl/container/inlined_vector.h"
#include "server/kernels/check.h"
#include "server/kernels/lora_projection.h"
#include "server/lora/lora_weights.h"
#include "server/lora/merged_weights.h"

namespace lora {
namespace {

// The tables of one group: few linears, and mostly few terms.
struct GroupTables {
  absl::InlinedVector<WeightRun, 8> weights;
  absl::InlinedVector<LowRankTerm, 32> terms;
  absl::InlinedVector<Projection, 4> projections;
};

const PackedWeight* WeightOf(const LoraLinear& linear,
                             const StepAdapters& adapters, int32_t weight_set) {
  if (weight_set == 0) return &linear.weight();
  const PackedWeight* merged =
      adapters.merged[weight_set - 1]->module(linear.module_index());
  return merged != nullptr ? merged : &linear.weight();
}

// Appends the linear's runs, joining those that use the same matrix.
absl::Span<const WeightRun> AppendWeights(const LoraLinear& linear,
                                          const StepAdapters& adapters,
                                          GroupTables& tables) {
  const size_t begin = tables.weights.size();
  for (const WeightSetRun& run : adapters.weight_runs) {
    const PackedWeight* weight = WeightOf(linear, adapters, run.weight_set);
    if (tables.weights.size() > begin &&
        tables.weights.back().weight == weight) {
      tables.weights.back().row_end = run.row_end;
    } else {
      tables.weights.push_back({run.row_begin, run.row_end, weight});
    }
  }
  return absl::MakeConstSpan(tables.weights).subspan(begin);
}

// Appends the terms of the adapters that have the linear's module.
absl::Span<const LowRankTerm> AppendTerms(const LoraLinear& linear,
                                          const StepAdapters& adapters,
                                          GroupTables& tables) {
  const size_t begin = tables.terms.size();
  for (const AdapterTerm& term : adapters.terms) {
    const LoraWeights::Module* module =
        adapters.adapters[term.slot.value()]->module(linear.module_index());
    if (module == nullptr) continue;
    tables.terms.push_back({term.row_begin, term.row_end, &module->a,
                            &module->b, term.weight * module->scaling});
  }
  return absl::MakeConstSpan(tables.terms).subspan(begin);
}

}  // namespace

void ForwardGroup(KernelContext& context, const at::Tensor& x,
                  absl::Span<const LoraLinear* const> linears,
                  const StepAdapters& adapters,
                  absl::Span<at::Tensor> outputs) {
  LORA_CHECK(linears.size() == outputs.size(), "one output for each linear");
  GroupTables tables;
  // Room for all: the projections hold spans of these.
  tables.weights.reserve(linears.size() * adapters.weight_runs.size());
  tables.terms.reserve(linears.size() * adapters.terms.size());
  for (size_t i = 0; i < linears.size(); ++i) {
    const LoraLinear& linear = *linears[i];
    LORA_CHECK_SHAPE(x, {adapters.num_rows, linear.in_features()});
    LORA_CHECK_SHAPE(outputs[i], {adapters.num_rows, linear.out_features()});
    tables.projections.push_back(
        {.weights = AppendWeights(linear, adapters, tables),
         .bias = linear.bias(),
         .terms = AppendTerms(linear, adapters, tables),
         .y = outputs[i]});
  }
  LoraProjection(context, x, tables.projections);
}

}  // namespace lora
