// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_ADAPTER_FORMAT_FORMAT_TEST_UTIL_H_
#define LORA_TESTS_UNIT_ADAPTER_FORMAT_FORMAT_TEST_UTIL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/adapter/base_model_spec.h"
#include "server/tensorfile/dtype.h"

namespace lora {

// A base model "tiny-llama" of two layers with q_proj (8 to 8), v_proj (8 to 4)
// and down_proj (16 to 8), norms, an embedding of 32 tokens, and lm_head.
BaseModelSpec TinyLlama();

// A decoder with every module of the real one; see tests/golden/models.
struct DecoderSize {
  int64_t hidden = 32;
  int64_t intermediate = 48;
  int64_t num_layers = 2;
  int64_t query_width = 32;
  int64_t key_value_width = 16;
  int64_t vocab_size = 96;
};
BaseModelSpec DecoderSpec(absl::string_view name, absl::string_view model_type,
                          const DecoderSize& size);

// One tensor of a file to be written; all its bytes are `fill`.
struct TestTensor {
  std::string name;
  std::vector<int64_t> shape;
  Dtype dtype = Dtype::kF32;
  char fill = 0x3C;
};

// The bytes of a safetensors file with `tensors`.
std::string FileWith(const std::vector<TestTensor>& tensors);

// A and B of one module, named as PEFT does.
std::vector<TestTensor> PairOf(absl::string_view module, int64_t in,
                               int64_t out, int64_t rank);

// An empty directory that is removed at the end of the test.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file, in a folder of its own if the name has one.
  void Write(absl::string_view name, absl::string_view content) const;

 private:
  std::string path_;
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_ADAPTER_FORMAT_FORMAT_TEST_UTIL_H_
