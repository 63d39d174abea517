// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_DECODER_MODEL_H_
#define LORA_SERVER_MODEL_DECODER_DECODER_MODEL_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/base_model_spec.h"
#include "server/kernels/kernel_context.h"
#include "server/kernels/packed_weight.h"
#include "server/model/decoder/decoder_config.h"
#include "server/model/decoder/step_inputs.h"
#include "server/model/kv_cache.h"

namespace lora {

enum class ModelDtype : uint8_t {
  // bf16 where the file holds 16-bit weights and the processor multiplies
  // bf16; otherwise f32.
  kAuto,
  kF32,
  kBF16,
};

// The memory that a model takes.
struct ModelNeeds {
  int64_t weight_bytes = 0;
  int64_t staging_bytes = 0;  // On the host, while the weights are loaded.
  // For each row of the largest step, and for each whose logits it asks for
  // besides.
  int64_t row_bytes = 0;
  int64_t logit_row_bytes = 0;
  KvCacheShape kv;
};

struct LoadOptions {
  ModelDtype dtype = ModelDtype::kAuto;
  at::Device device = at::kCPU;
  // Asked before anything is allocated, unless empty; its error is Load's.
  std::function<absl::Status(const ModelNeeds& needs)> admit;
  // Called as weights arrive, each time another tenth of the bytes is done.
  std::function<void(int64_t loaded_bytes, int64_t total_bytes)> progress;
};

// A Llama-family decoder (Llama, Mistral, Qwen2, Qwen3): the frozen base that
// adapters are applied to, row by row.
//
// The base weights are never written. On CPU a row's logits depend only on its
// own sequence and adapters, bit for bit: not on batch mates, on how the
// sequence was cut into steps, or on the number of threads.
//
// Forward is for the engine thread only; everything else is immutable after
// Load and thread-safe.
class DecoderModel {
 public:
  // Reads config.json, generation_config.json and model.safetensors (or its
  // shards) from `directory`.
  //
  // FAILED_PRECONDITION (BASE): a file or tensor is missing or malformed, or
  // has the wrong shape. UNIMPLEMENTED (BASE_FEATURE): the model needs what
  // this server lacks. RESOURCE_EXHAUSTED (MEMORY): an allocation failed. And
  // what `options.admit` returns.
  static absl::StatusOr<std::unique_ptr<DecoderModel>> Load(
      const std::string& directory, const LoadOptions& options);

  ~DecoderModel();
  DecoderModel(const DecoderModel&) = delete;
  DecoderModel& operator=(const DecoderModel&) = delete;

  const BaseModelSpec& spec() const;
  const DecoderConfig& config() const;
  at::ScalarType dtype() const;  // kFloat or kBFloat16.
  at::Device device() const;
  int64_t weight_bytes() const;
  // Of the checkpoint: a tied head counts once, however it is stored here.
  int64_t num_parameters() const;
  // For KvCache::Create.
  KvCacheShape kv_shape() const;

  // The pristine matrix of a linear module. Requires
  // spec().modules[module_index].type == kLinear.
  const PackedWeight& weight(int32_t module_index) const;

  // Runs one step: writes the keys and values of its rows to `cache` and
  // returns the logits of `inputs.logit_rows`, float32 [logit_rows, vocab_size]
  // on the CPU, valid until the next call.
  //
  // INTERNAL: Torch failed, or `inputs` break their invariants; the cached
  // keys and values of the step's rows are then undefined.
  // RESOURCE_EXHAUSTED (MEMORY): an allocation failed.
  absl::StatusOr<at::Tensor> Forward(KernelContext& context,
                                     const StepInputs& inputs, KvCache& cache);

 private:
  struct Impl;
  explicit DecoderModel(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_DECODER_MODEL_H_
