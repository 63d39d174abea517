// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/decoder_driver.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <utility>

#include "server/adapter/format/adapter_reader.h"
#include "server/lora/torch_uploader.h"
#include "server/model/logit_math.h"

namespace lora {
namespace {

template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return *std::move(value);
}

}  // namespace

LoadedModel::LoadedModel(const std::string& directory,
                         const LoadOptions& options)
    : model_(ValueOrDie(DecoderModel::Load(directory, options))) {}

const LoraWeights& LoadedModel::Adapter(const std::string& directory) {
  std::unique_ptr<const LoraWeights>& adapter = adapters_[directory];
  if (adapter != nullptr) return *adapter;
  const std::unique_ptr<HostAdapter> host =
      ValueOrDie(ReadAdapter(directory, AdapterId("golden"), model_->spec(), {},
                             [](double) { return absl::OkStatus(); }));
  TorchUploader uploader(model_->spec(), model_->dtype(), model_->device());
  std::unique_ptr<const DeviceAdapter> device =
      ValueOrDie(uploader.Upload(*host));
  adapter.reset(static_cast<const LoraWeights*>(device.release()));
  return *adapter;
}

struct DecoderDriver::Run {
  DriverRequest request;
  int32_t computed = 0;
  std::vector<int32_t> blocks;

  int32_t remaining() const {
    return static_cast<int32_t>(request.tokens.size()) - computed;
  }
};

KvCache DecoderDriver::MakeCache(const std::vector<DriverRequest>& requests,
                                 int32_t extra_tokens, std::vector<Run>& runs) {
  const KvCacheShape shape = model_.kv_shape();
  int32_t num_blocks = 0;
  for (const DriverRequest& request : requests) {
    Run run = {.request = request};
    const int64_t tokens =
        static_cast<int64_t>(request.tokens.size()) + extra_tokens;
    for (int64_t first = 0; first < tokens; first += shape.block_size) {
      run.blocks.push_back(num_blocks++);
    }
    runs.push_back(std::move(run));
  }
  // Backwards, so that no table happens to be the identity.
  for (Run& run : runs) {
    for (int32_t& block : run.blocks) block = num_blocks - 1 - block;
  }
  return ValueOrDie(KvCache::Create(shape, num_blocks, model_.device()));
}

at::Tensor DecoderDriver::Step(const std::vector<int32_t>& counts,
                               std::vector<Run>& runs, KvCache& cache) {
  StepInputs inputs;
  std::vector<RowAdapters> adapters;
  for (size_t i = 0; i < runs.size(); ++i) {
    Run& run = runs[i];
    if (counts[i] == 0) continue;
    const int32_t begin = static_cast<int32_t>(inputs.token_ids.size());
    inputs.sequences.push_back({.row_begin = begin,
                                .row_end = begin + counts[i],
                                .position_begin = run.computed,
                                .prompt_length = run.request.prompt_length,
                                .block_table = run.blocks});
    adapters.push_back({.num_rows = counts[i],
                        .adapters = run.request.adapters,
                        .merged = run.request.merged});
    for (int32_t t = 0; t < counts[i]; ++t) {
      inputs.logit_rows.push_back(begin + t);
      inputs.token_ids.push_back(run.request.tokens[run.computed + t]);
    }
    run.computed += counts[i];
  }
  inputs.adapters = BuildStepAdapters(adapters);
  return ValueOrDie(model_.Forward(context_, inputs, cache));
}

std::vector<at::Tensor> DecoderDriver::Logits(
    const std::vector<DriverRequest>& requests, const ChunkRule& chunk) {
  std::vector<Run> runs;
  KvCache cache = MakeCache(requests, 0, runs);
  std::vector<at::Tensor> logits;
  for (const DriverRequest& request : requests) {
    logits.push_back(at::empty({static_cast<int64_t>(request.tokens.size()),
                                model_.config().vocab_size},
                               at::kFloat));
  }
  while (true) {
    std::vector<int32_t> counts;
    for (size_t i = 0; i < runs.size(); ++i) {
      const int32_t remaining = runs[i].remaining();
      counts.push_back(
          remaining == 0 ? 0 : std::clamp(chunk(i, remaining), 1, remaining));
    }
    if (std::all_of(counts.begin(), counts.end(),
                    [](int32_t count) { return count == 0; })) {
      return logits;
    }
    const at::Tensor step = Step(counts, runs, cache);
    int64_t row = 0;
    for (size_t i = 0; i < runs.size(); ++i) {
      logits[i]
          .narrow(0, runs[i].computed - counts[i], counts[i])
          .copy_(step.narrow(0, row, counts[i]));
      row += counts[i];
    }
  }
}

std::vector<std::vector<int32_t>> DecoderDriver::Answer(
    std::vector<DriverRequest> requests, int32_t max_new_tokens) {
  std::vector<Run> runs;
  KvCache cache = MakeCache(requests, max_new_tokens, runs);
  const std::vector<int32_t>& ends = model_.config().eos_token_ids;
  std::vector<std::vector<int32_t>> answers(runs.size());
  for (int32_t round = 0; round < max_new_tokens; ++round) {
    std::vector<int32_t> counts;
    int32_t rows = 0;
    for (const Run& run : runs) {
      counts.push_back(run.remaining());
      rows += run.remaining();
    }
    if (rows == 0) break;
    const at::Tensor step = Step(counts, runs, cache);
    int64_t row = -1;
    for (size_t i = 0; i < runs.size(); ++i) {
      if (counts[i] == 0) continue;
      row += counts[i];
      const at::Tensor last = step[row];
      const int32_t token = ArgMax(
          absl::MakeConstSpan(last.const_data_ptr<float>(), last.numel()));
      if (std::find(ends.begin(), ends.end(), token) != ends.end()) continue;
      answers[i].push_back(token);
      runs[i].request.tokens.push_back(token);
    }
  }
  return answers;
}

DecoderDriver::ChunkRule ChunksOf(int32_t tokens) {
  return [tokens](size_t, int32_t) { return tokens; };
}

DecoderDriver::ChunkRule WholePrompts() {
  return ChunksOf(std::numeric_limits<int32_t>::max());
}

}  // namespace lora
