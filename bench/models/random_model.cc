// SPDX-License-Identifier: Apache-2.0
#include "bench/models/random_model.h"

#include <bit>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/support/splitmix.h"
#include "server/base/file.h"
#include "server/base/json.h"
#include "server/base/status_macros.h"
#include "server/tensorfile/safetensors_writer.h"

namespace lora {
namespace {

// As transformers initialises linear layers: normal with this deviation; here
// uniform with the same one.
constexpr float kDeviation = 0.02f;
constexpr float kSqrt3 = 1.7320508f;

struct LinearShape {
  const char* name;
  int64_t out;
  int64_t in;
};

std::vector<LinearShape> LinearsOf(const ModelShape& shape) {
  const int64_t head_dim = shape.hidden / shape.heads;
  const int64_t keys = shape.kv_heads * head_dim;
  return {{"self_attn.q_proj", shape.hidden, shape.hidden},
          {"self_attn.k_proj", keys, shape.hidden},
          {"self_attn.v_proj", keys, shape.hidden},
          {"self_attn.o_proj", shape.hidden, shape.hidden},
          {"mlp.gate_proj", shape.ffn, shape.hidden},
          {"mlp.up_proj", shape.ffn, shape.hidden},
          {"mlp.down_proj", shape.hidden, shape.ffn}};
}

uint16_t ToBFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Tensors in bfloat16, one random stream each.
class TensorMaker {
 public:
  explicit TensorMaker(uint64_t seed) : seed_(seed) {}

  void AddUniform(std::string name, int64_t rows, int64_t columns) {
    std::string& bytes = Allocate(std::move(name), {rows, columns});
    SplitMix random(seed_, buffers_.size());
    constexpr float kStep = kDeviation * kSqrt3 * 0x1p-15f;
    for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
      uint64_t four = random.Next();
      for (int j = 0; j < 4; ++j) {
        const auto drawn = static_cast<int16_t>(four >> (16 * j) & 0xffff);
        const uint64_t value = ToBFloat16(static_cast<float>(drawn) * kStep);
        four = (four & ~(uint64_t{0xffff} << (16 * j))) | value << (16 * j);
      }
      std::memcpy(&bytes[i], &four, std::min(sizeof(four), bytes.size() - i));
    }
  }
  void AddOnes(std::string name, int64_t size) {
    std::string& bytes = Allocate(std::move(name), {size});
    const uint16_t one = ToBFloat16(1.0f);
    for (int64_t i = 0; i < size; ++i) {
      std::memcpy(&bytes[i * sizeof(one)], &one, sizeof(one));
    }
  }

  absl::StatusOr<std::string> Write() {
    for (size_t i = 0; i < tensors_.size(); ++i) tensors_[i].data = buffers_[i];
    return WriteSafetensors(tensors_, {{"format", "pt"}});
  }

 private:
  std::string& Allocate(std::string name, std::vector<int64_t> shape) {
    int64_t size = sizeof(uint16_t);
    for (const int64_t extent : shape) size *= extent;
    tensors_.push_back({.name = std::move(name),
                        .dtype = Dtype::kBF16,
                        .shape = std::move(shape),
                        .data = {}});
    return buffers_.emplace_back(size, '\0');
  }

  const uint64_t seed_;
  std::vector<TensorSource> tensors_;
  std::vector<std::string> buffers_;
};

Json ModelConfig(const ModelShape& shape) {
  return {{"architectures", Json::array({"LlamaForCausalLM"})},
          {"bos_token_id", 1},
          {"dtype", "bfloat16"},
          {"eos_token_id", 2},
          {"hidden_act", "silu"},
          {"hidden_size", shape.hidden},
          {"intermediate_size", shape.ffn},
          {"max_position_embeddings", shape.context},
          {"model_type", "llama"},
          {"num_attention_heads", shape.heads},
          {"num_hidden_layers", shape.layers},
          {"num_key_value_heads", shape.kv_heads},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000.0},
          {"tie_word_embeddings", true},
          {"vocab_size", shape.vocab}};
}

// The character that byte-level tokenizers write for `byte`: itself where it
// is printable, otherwise the next one from U+0100 on.
std::string ByteCharacter(int byte, int& next) {
  const bool printable = (byte >= '!' && byte <= '~') ||
                         (byte >= 0xa1 && byte <= 0xff && byte != 0xad);
  const int code = printable ? byte : next++;
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6),
          static_cast<char>(0x80 | (code & 0x3f))};
}

Json ByteTokenizer() {
  const auto special = [](int id, const char* text) -> Json {
    return {{"id", id},        {"content", text}, {"single_word", false},
            {"lstrip", false}, {"rstrip", false}, {"normalized", false},
            {"special", true}};
  };
  Json vocab = {{"<pad>", 0}, {"<s>", 1}, {"</s>", 2}};
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    vocab[ByteCharacter(byte, next)] = byte + 3;
  }
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", false}};
  return {{"version", "1.0"},
          {"added_tokens",
           {special(0, "<pad>"), special(1, "<s>"), special(2, "</s>")}},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}}};
}

Json AdapterConfig(const ModelShape& shape, int64_t rank) {
  Json targets = Json::array();
  for (const LinearShape& linear : LinearsOf(shape)) {
    const absl::string_view name = linear.name;
    targets.push_back(std::string(name.substr(name.find('.') + 1)));
  }
  return {{"base_model_name_or_path", "random"},
          {"bias", "none"},
          {"inference_mode", true},
          {"lora_alpha", 2 * rank},
          {"lora_dropout", 0.0},
          {"peft_type", "LORA"},
          {"r", rank},
          {"target_modules", targets},
          {"task_type", "CAUSAL_LM"}};
}

absl::Status WriteJson(const std::string& path, const Json& json) {
  return WriteFileAtomically(path, json.dump(2) + "\n");
}

absl::Status WriteTensors(const std::string& path, TensorMaker& tensors) {
  LORA_ASSIGN_OR_RETURN(const std::string bytes, tensors.Write());
  return WriteFileAtomically(path, bytes);
}

}  // namespace

absl::Status WriteRandomModel(const std::string& directory,
                              const ModelShape& shape, uint64_t seed) {
  TensorMaker tensors(seed);
  tensors.AddUniform("model.embed_tokens.weight", shape.vocab, shape.hidden);
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const std::string prefix = absl::StrCat("model.layers.", layer, ".");
    for (const LinearShape& linear : LinearsOf(shape)) {
      tensors.AddUniform(absl::StrCat(prefix, linear.name, ".weight"),
                         linear.out, linear.in);
    }
    tensors.AddOnes(prefix + "input_layernorm.weight", shape.hidden);
    tensors.AddOnes(prefix + "post_attention_layernorm.weight", shape.hidden);
  }
  tensors.AddOnes("model.norm.weight", shape.hidden);
  LORA_RETURN_IF_ERROR(WriteTensors(directory + "/model.safetensors", tensors));
  LORA_RETURN_IF_ERROR(
      WriteJson(directory + "/config.json", ModelConfig(shape)));
  LORA_RETURN_IF_ERROR(WriteJson(directory + "/generation_config.json",
                                 {{"bos_token_id", 1}, {"eos_token_id", 2}}));
  LORA_RETURN_IF_ERROR(
      WriteJson(directory + "/tokenizer_config.json",
                {{"bos_token", "<s>"},
                 {"eos_token", "</s>"},
                 {"tokenizer_class", "PreTrainedTokenizerFast"}}));
  return WriteJson(directory + "/tokenizer.json", ByteTokenizer());
}

absl::Status WriteRandomAdapter(const std::string& directory,
                                const ModelShape& shape, int64_t rank,
                                uint64_t seed) {
  TensorMaker tensors(seed);
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    for (const LinearShape& linear : LinearsOf(shape)) {
      const std::string prefix = absl::StrCat("base_model.model.model.layers.",
                                              layer, ".", linear.name, ".");
      tensors.AddUniform(prefix + "lora_A.weight", rank, linear.in);
      tensors.AddUniform(prefix + "lora_B.weight", linear.out, rank);
    }
  }
  LORA_RETURN_IF_ERROR(
      WriteTensors(directory + "/adapter_model.safetensors", tensors));
  return WriteJson(directory + "/adapter_config.json",
                   AdapterConfig(shape, rank));
}

}  // namespace lora
