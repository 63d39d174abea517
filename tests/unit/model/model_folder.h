// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_MODEL_MODEL_FOLDER_H_
#define LORA_TESTS_UNIT_MODEL_MODEL_FOLDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/tensorfile/dtype.h"
#include "tests/support/temporary_folder.h"

namespace lora {

// A tensor to be written, with values that depend on its name alone.
struct FileTensor {
  std::string name;
  std::vector<int64_t> shape;
  Dtype dtype = Dtype::kF32;
};

// A model folder of one test, removed with it.
class ModelFolder {
 public:
  std::string path() const { return folder_.string(); }
  void Write(absl::string_view name, absl::string_view text) const;
  void WriteTensors(absl::string_view name,
                    const std::vector<FileTensor>& tensors) const;
  void Remove(absl::string_view name) const;

 private:
  TemporaryFolder folder_;
};

// A Llama of two layers: hidden 8, 2 heads of 4, 1 KV head, FFN 12, vocabulary
// 11, untied.
inline constexpr char kTinyConfig[] = R"({
    "model_type": "llama", "vocab_size": 11, "hidden_size": 8,
    "intermediate_size": 12, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1,
    "max_position_embeddings": 64, "eos_token_id": 2})";

// Its tensors, all stored as `dtype`.
std::vector<FileTensor> TinyTensors(Dtype dtype = Dtype::kF32);

// `tensors` without the one called `name`.
std::vector<FileTensor> Without(std::vector<FileTensor> tensors,
                                absl::string_view name);

}  // namespace lora

#endif  // LORA_TESTS_UNIT_MODEL_MODEL_FOLDER_H_
