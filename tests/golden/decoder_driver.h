// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_GOLDEN_DECODER_DRIVER_H_
#define LORA_TESTS_GOLDEN_DECODER_DRIVER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/kernels/kernel_context.h"
#include "server/lora/lora_weights.h"
#include "server/lora/step_adapters.h"
#include "server/model/decoder/decoder_model.h"

namespace lora {

// A base model with its adapters, as the server would load them. A failure to
// load ends the test program with the status.
class LoadedModel {
 public:
  LoadedModel(const std::string& directory, const LoadOptions& options);

  DecoderModel& model() const { return *model_; }
  // Loads each adapter folder once.
  const LoraWeights& Adapter(const std::string& directory);

 private:
  std::unique_ptr<DecoderModel> model_;
  absl::flat_hash_map<std::string, std::unique_ptr<const LoraWeights>>
      adapters_;
};

struct DriverRequest {
  std::vector<int32_t> tokens;  // The prompt, then what was answered so far.
  int32_t prompt_length = 0;
  std::vector<WeightedSlotAdapter> adapters;
  const MergedWeights* merged = nullptr;
};

// Runs requests through a model in batches, with a scattered block table each.
class DecoderDriver {
 public:
  // Tokens of a request that the next step computes, in [1, remaining].
  using ChunkRule = std::function<int32_t(size_t request, int32_t remaining)>;

  explicit DecoderDriver(DecoderModel& model, int num_threads = 1)
      : model_(model), context_(num_threads) {}

  // The logits of every token of each request, [tokens, vocab]; all requests
  // advance in every step, each by its chunk.
  std::vector<at::Tensor> Logits(const std::vector<DriverRequest>& requests,
                                 const ChunkRule& chunk);

  // What each request is answered, without the end token; all in one batch.
  std::vector<std::vector<int32_t>> Answer(std::vector<DriverRequest> requests,
                                           int32_t max_new_tokens);

 private:
  struct Run;

  KvCache MakeCache(const std::vector<DriverRequest>& requests,
                    int32_t extra_tokens, std::vector<Run>& runs);
  // Computes `counts[i]` tokens of each run; returns the logits of all rows.
  at::Tensor Step(const std::vector<int32_t>& counts, std::vector<Run>& runs,
                  KvCache& cache);

  DecoderModel& model_;
  KernelContext context_;
};

// One token a step; a whole prompt at once.
DecoderDriver::ChunkRule ChunksOf(int32_t tokens);
DecoderDriver::ChunkRule WholePrompts();

}  // namespace lora

#endif  // LORA_TESTS_GOLDEN_DECODER_DRIVER_H_
