// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/model/model_folder.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/tensorfile/safetensors_writer.h"

namespace lora {
namespace {

// The upper half of a float32: bfloat16, rounded towards zero.
uint16_t ToBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>(bits >> 16);
}

std::string Values(const FileTensor& tensor) {
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  std::seed_seq seed(tensor.name.begin(), tensor.name.end());
  std::mt19937 random(seed);
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) {
    // In (-0.5, 0.5), around 1 for norms; exact in bfloat16.
    float value = static_cast<float>(random() % 127) / 128.0f - 0.4921875f;
    if (tensor.shape.size() == 1) value = 1.0f + value / 2.0f;
    if (tensor.dtype == Dtype::kF32) {
      bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
    } else {
      const uint16_t half = ToBf16(value);
      bytes.append(reinterpret_cast<const char*>(&half), sizeof(half));
    }
  }
  return bytes;
}

}  // namespace

void ModelFolder::Write(absl::string_view name, absl::string_view text) const {
  folder_.Write(name, text);
}

void ModelFolder::WriteTensors(absl::string_view name,
                               const std::vector<FileTensor>& tensors) const {
  std::vector<std::string> values;
  std::vector<TensorSource> sources;
  values.reserve(tensors.size());
  for (const FileTensor& tensor : tensors) {
    values.push_back(Values(tensor));
    sources.push_back({tensor.name, tensor.dtype, tensor.shape, values.back()});
  }
  const absl::StatusOr<std::string> bytes = WriteSafetensors(sources, {});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  Write(name, *bytes);
}

void ModelFolder::Remove(absl::string_view name) const {
  ASSERT_TRUE(std::filesystem::remove(folder_.path() / std::string(name)));
}

std::vector<FileTensor> TinyTensors(Dtype dtype) {
  std::vector<FileTensor> tensors = {{"model.embed_tokens.weight", {11, 8}},
                                     {"model.norm.weight", {8}},
                                     {"lm_head.weight", {11, 8}}};
  for (int layer = 0; layer < 2; ++layer) {
    const std::string prefix = absl::StrCat("model.layers.", layer, ".");
    const auto add = [&](const char* name, std::vector<int64_t> shape) {
      tensors.push_back({absl::StrCat(prefix, name, ".weight"), shape});
    };
    add("input_layernorm", {8});
    add("self_attn.q_proj", {8, 8});
    add("self_attn.k_proj", {4, 8});
    add("self_attn.v_proj", {4, 8});
    add("self_attn.o_proj", {8, 8});
    add("post_attention_layernorm", {8});
    add("mlp.gate_proj", {12, 8});
    add("mlp.up_proj", {12, 8});
    add("mlp.down_proj", {8, 12});
  }
  for (FileTensor& tensor : tensors) tensor.dtype = dtype;
  return tensors;
}

std::vector<FileTensor> Without(std::vector<FileTensor> tensors,
                                absl::string_view name) {
  std::erase_if(tensors,
                [name](const FileTensor& t) { return t.name == name; });
  return tensors;
}

}  // namespace lora
