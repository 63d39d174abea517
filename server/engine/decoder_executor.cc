// SPDX-License-Identifier: Apache-2.0
#include "server/engine/decoder_executor.h"

#include <utility>
#include <vector>

#include "server/base/status_macros.h"
#include "server/lora/lora_weights.h"
#include "server/lora/merged_weights_pin.h"
#include "server/lora/step_adapters.h"

namespace lora {
namespace {

// The device adapters that `sequence` has pinned, with its weights. Both are
// in canonical order.
std::vector<WeightedSlotAdapter> PinnedAdapters(const Sequence& sequence) {
  std::vector<WeightedSlotAdapter> adapters;
  const std::vector<AdapterHandle>& handles = sequence.pins().handles;
  adapters.reserve(handles.size());
  for (size_t i = 0; i < handles.size(); ++i) {
    adapters.push_back({static_cast<const LoraWeights*>(handles[i].get()),
                        sequence.adapters()[i].weight});
  }
  return adapters;
}

const MergedWeights* PinnedMerge(const Sequence& sequence) {
  const MergedPin* pin = sequence.pins().merged.get();
  return pin == nullptr ? nullptr
                        : &static_cast<const MergedWeightsPin*>(pin)->weights();
}

}  // namespace

StepInputs BuildStepInputs(const BatchPlan& plan) {
  StepInputs inputs;
  std::vector<std::vector<WeightedSlotAdapter>> adapters;
  std::vector<RowAdapters> ranges;
  adapters.reserve(plan.items.size());
  int32_t row = 0;
  for (const BatchPlan::Item& item : plan.items) {
    const Sequence& sequence = *item.sequence;
    const std::vector<int32_t>& tokens = sequence.token_ids();
    inputs.token_ids.insert(inputs.token_ids.end(),
                            tokens.begin() + item.token_begin,
                            tokens.begin() + item.token_end);
    inputs.sequences.push_back({.row_begin = row,
                                .row_end = row + item.num_rows(),
                                .position_begin = item.token_begin,
                                .prompt_length = sequence.num_prompt_tokens(),
                                .block_table = sequence.blocks().ids()});
    adapters.push_back(PinnedAdapters(sequence));
    ranges.push_back({.num_rows = item.num_rows(),
                      .adapters = adapters.back(),
                      .merged = PinnedMerge(sequence)});
    row += item.num_rows();
    if (item.samples()) inputs.logit_rows.push_back(row - 1);
  }
  inputs.adapters = BuildStepAdapters(ranges);
  return inputs;
}

absl::StatusOr<StepLogits> DecoderExecutor::Execute(const BatchPlan& plan) {
  LORA_ASSIGN_OR_RETURN(
      logits_, model_->Forward(context_, BuildStepInputs(plan), cache_));
  return StepLogits{
      .values = absl::MakeConstSpan(logits_.const_data_ptr<float>(),
                                    static_cast<size_t>(logits_.numel())),
      .vocab_size = model_->config().vocab_size};
}

}  // namespace lora
