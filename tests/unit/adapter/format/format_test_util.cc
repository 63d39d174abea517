// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/adapter/format/format_test_util.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "server/tensorfile/safetensors_writer.h"

namespace lora {

BaseModelSpec TinyLlama() {
  BaseModelSpec base;
  base.name = "tiny-llama";
  base.model_type = "llama";
  base.vocab_size = 32;
  base.modules.push_back({"model.embed_tokens", ModuleType::kEmbedding, 32, 8});
  for (int layer = 0; layer < 2; ++layer) {
    const std::string prefix = absl::StrCat("model.layers.", layer, ".");
    base.modules.push_back(
        {prefix + "input_layernorm", ModuleType::kNorm, 8, 8});
    base.modules.push_back(
        {prefix + "self_attn.q_proj", ModuleType::kLinear, 8, 8});
    base.modules.push_back(
        {prefix + "self_attn.v_proj", ModuleType::kLinear, 8, 4});
    base.modules.push_back(
        {prefix + "mlp.down_proj", ModuleType::kLinear, 16, 8});
  }
  base.modules.push_back({"lm_head", ModuleType::kLinear, 8, 32});
  base.IndexModules();
  return base;
}

BaseModelSpec DecoderSpec(absl::string_view name, absl::string_view model_type,
                          const DecoderSize& size) {
  BaseModelSpec base;
  base.name = std::string(name);
  base.model_type = std::string(model_type);
  base.vocab_size = size.vocab_size;
  for (int64_t layer = 0; layer < size.num_layers; ++layer) {
    const auto add = [&](absl::string_view part, int64_t in, int64_t out) {
      base.modules.push_back({absl::StrCat("model.layers.", layer, ".", part),
                              ModuleType::kLinear, in, out});
    };
    add("self_attn.q_proj", size.hidden, size.query_width);
    add("self_attn.k_proj", size.hidden, size.key_value_width);
    add("self_attn.v_proj", size.hidden, size.key_value_width);
    add("self_attn.o_proj", size.query_width, size.hidden);
    add("mlp.gate_proj", size.hidden, size.intermediate);
    add("mlp.up_proj", size.hidden, size.intermediate);
    add("mlp.down_proj", size.intermediate, size.hidden);
  }
  base.modules.push_back(
      {"lm_head", ModuleType::kLinear, size.hidden, size.vocab_size});
  base.IndexModules();
  return base;
}

std::string FileWith(const std::vector<TestTensor>& tensors) {
  std::vector<std::string> contents;
  contents.reserve(tensors.size());
  std::vector<TensorSource> sources;
  for (const TestTensor& tensor : tensors) {
    int64_t bits = DtypeBits(tensor.dtype);
    for (const int64_t size : tensor.shape) bits *= size;
    contents.emplace_back(static_cast<size_t>(bits / 8), tensor.fill);
    sources.push_back(
        {tensor.name, tensor.dtype, tensor.shape, contents.back()});
  }
  const auto file = WriteSafetensors(sources, {{"format", "pt"}});
  EXPECT_TRUE(file.ok()) << file.status();
  return file.value_or("");
}

std::vector<TestTensor> PairOf(absl::string_view module, int64_t in,
                               int64_t out, int64_t rank) {
  const std::string prefix = absl::StrCat("base_model.model.", module);
  return {{prefix + ".lora_A.weight", {rank, in}},
          {prefix + ".lora_B.weight", {out, rank}}};
}

TempDir::TempDir() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "lora_format_XXXXXX").string();
  const char* made = ::mkdtemp(pattern.data());
  EXPECT_NE(made, nullptr);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TempDir::Write(absl::string_view name, absl::string_view content) const {
  const std::filesystem::path path =
      std::filesystem::path(path_) / std::string(name);
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  EXPECT_TRUE(out.good());
}

}  // namespace lora
