// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/json.h"
#include "server/base/status_macros.h"
#include "server/model/base_error.h"
#include "server/model/decoder/config_fields.h"
#include "server/model/decoder/decoder_family.h"
#include "server/model/decoder/field_reader.h"

namespace lora {
namespace {

constexpr int64_t kDefaultWindow = 4096;
constexpr int64_t kDefaultFirstWindowLayer = 28;

// Sizes beyond these are a broken file, and keep products within int64.
constexpr FieldReader::Range<int64_t> kVocabRange = {1, int64_t{1} << 24};
constexpr FieldReader::Range<int64_t> kWidthRange = {1, int64_t{1} << 20};
constexpr FieldReader::Range<int64_t> kLayersRange = {1, 1024};
constexpr FieldReader::Range<int64_t> kHeadsRange = {1, 4096};
constexpr FieldReader::Range<int64_t> kHeadDimRange = {2, 1024};
constexpr FieldReader::Range<int64_t> kPositionsRange = {1, int64_t{1} << 30};

absl::StatusOr<const FamilyRules*> ReadFamily(FieldReader& fields) {
  if (!fields.Has("model_type")) {
    return BaseError(
        "config.json: \"model_type\" is missing: is this the folder of a "
        "Hugging Face model?");
  }
  const std::string model_type = fields.String("model_type", "");
  LORA_RETURN_IF_ERROR(fields.status());
  const FamilyRules* family = FindFamily(model_type);
  if (family == nullptr) {
    return BaseFeatureError(
        absl::StrCat("config.json: model_type \"", model_type,
                     "\" is not supported (llama, mistral, qwen2, qwen3 are)"));
  }
  return family;
}

void CheckArchitecture(FieldReader& fields, const FamilyRules& family) {
  const Json* names = fields.Raw("architectures");
  if (names == nullptr || names->empty()) return;
  for (const Json& name : *names) {
    if (name.is_string() && name.get<std::string>() == family.architecture) {
      return;
    }
  }
  fields.FailFeature(absl::StrCat("\"architectures\" is ", names->dump(),
                                  ", expected ", family.architecture));
}

void ReadHeads(FieldReader& fields, const FamilyRules& family,
               DecoderConfig& config) {
  config.num_heads = fields.Int("num_attention_heads", 32, kHeadsRange);
  // A null asks for the derived value, a missing key for the class's default.
  const int64_t kv_fallback =
      fields.IsNull("num_key_value_heads")
          ? config.num_heads
          : family.num_kv_heads.value_or(config.num_heads);
  config.num_kv_heads =
      fields.Int("num_key_value_heads", kv_fallback, kHeadsRange);
  if (config.num_heads % config.num_kv_heads != 0) {
    fields.FailBase(absl::StrCat("\"num_attention_heads\" is ",
                                 config.num_heads,
                                 ", expected a multiple of "
                                 "\"num_key_value_heads\", ",
                                 config.num_kv_heads));
  }
  const bool derived = !fields.Has("head_dim") &&
                       (fields.IsNull("head_dim") || !family.head_dim);
  if (derived && config.hidden_size % config.num_heads != 0) {
    fields.FailBase(absl::StrCat("\"hidden_size\" is ", config.hidden_size,
                                 ", expected a multiple of "
                                 "\"num_attention_heads\", ",
                                 config.num_heads));
  }
  config.head_dim = fields.Int("head_dim",
                               derived ? config.hidden_size / config.num_heads
                                       : family.head_dim.value_or(1),
                               kHeadDimRange);
  if (config.head_dim % 2 != 0) {
    fields.FailBase(absl::StrCat("a head has ", config.head_dim,
                                 " dimensions, expected an even number"));
  }
}

void ReadBiases(FieldReader& fields, const FamilyRules& family,
                DecoderConfig& config) {
  switch (family.attention_bias) {
    case BiasRule::kNone:
      break;
    case BiasRule::kQkv:
      config.qkv_bias = true;
      break;
    case BiasRule::kConfigured:
      config.qkv_bias = config.o_bias = fields.Bool("attention_bias", false);
      break;
  }
  if (family.has_mlp_bias) config.mlp_bias = fields.Bool("mlp_bias", false);
}

// The window of the layers that have one; 0: none has.
int64_t ReadWindow(FieldReader& fields, WindowRule rule) {
  if (rule == WindowRule::kNone) return 0;
  if (rule == WindowRule::kUpperLayers &&
      !fields.Bool("use_sliding_window", false)) {
    // The size is in the file, and idle.
    fields.Int("sliding_window", kDefaultWindow, kPositionsRange);
    return 0;
  }
  if (fields.IsNull("sliding_window")) return 0;
  return fields.Int("sliding_window", kDefaultWindow, kPositionsRange);
}

// `layer_types` wins over the rules by which files without it are read.
void ReadLayerTypes(FieldReader& fields, const Json& types, int64_t window,
                    DecoderConfig& config) {
  if (!types.is_array() ||
      static_cast<int64_t>(types.size()) != config.num_layers) {
    fields.FailBase(absl::StrCat("\"layer_types\" is not a list of ",
                                 config.num_layers,
                                 " names (\"num_hidden_layers\")"));
    return;
  }
  config.layer_windows.clear();
  for (const Json& type : types) {
    const std::string name = type.is_string() ? type.get<std::string>() : "";
    if (name == "sliding_attention" && window > 0) {
      config.layer_windows.push_back(window);
    } else if (name == "full_attention") {
      config.layer_windows.push_back(0);
    } else if (name == "sliding_attention") {
      fields.FailBase(
          "\"layer_types\" names sliding_attention, but there is "
          "no \"sliding_window\" in force");
    } else {
      fields.FailFeature(
          absl::StrCat("layer type ", type.dump(), " is not supported"));
    }
  }
}

void ReadWindows(FieldReader& fields, const FamilyRules& family,
                 DecoderConfig& config) {
  const int64_t window = ReadWindow(fields, family.window);
  int64_t first_layer = 0;
  if (family.window == WindowRule::kUpperLayers) {
    first_layer = fields.Int("max_window_layers", kDefaultFirstWindowLayer,
                             {0, kLayersRange.max});
  }
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    config.layer_windows.push_back(layer >= first_layer ? window : 0);
  }
  const Json* types = fields.Raw("layer_types");
  if (types != nullptr) ReadLayerTypes(fields, *types, window, config);
}

void CheckActivation(FieldReader& fields) {
  const std::string name = fields.String("hidden_act", "silu");
  if (name == "silu" || name == "swish") return;
  fields.FailFeature(
      absl::StrCat("activation \"", name, "\" is not supported (silu is)"));
}

// Nullopt: the file does not say.
std::optional<std::vector<int32_t>> ReadEosIds(FieldReader& fields,
                                               int64_t vocab_size) {
  const Json* value = fields.Raw("eos_token_id");
  if (value == nullptr) return std::nullopt;
  const Json list = value->is_array() ? *value : Json::array({*value});
  std::vector<int32_t> ids;
  for (const Json& id : list) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 ||
        id.get<int64_t>() >= vocab_size) {
      fields.FailBase(absl::StrCat("\"eos_token_id\" holds ", id.dump(),
                                   ", expected a token below ", vocab_size));
      return std::nullopt;
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

absl::StatusOr<Json> ParseObject(absl::string_view text,
                                 absl::string_view name) {
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) {
    return BaseError(absl::StrCat(name, ": ", json.status().message()));
  }
  if (!json->is_object()) {
    return BaseError(absl::StrCat(name, " is not a JSON object"));
  }
  return json;
}

absl::StatusOr<DecoderConfig> ReadConfig(FieldReader& fields,
                                         const FamilyRules& family) {
  DecoderConfig config;
  config.family = family.family;
  config.model_type = std::string(family.model_type);
  RefuseUnsupportedFields(fields);
  CheckArchitecture(fields, family);
  CheckActivation(fields);
  config.vocab_size = fields.Int("vocab_size", family.vocab_size, kVocabRange);
  config.hidden_size = fields.Int("hidden_size", 4096, kWidthRange);
  config.intermediate_size =
      fields.Int("intermediate_size", family.intermediate_size, kWidthRange);
  config.num_layers = fields.Int("num_hidden_layers", 32, kLayersRange);
  config.max_positions = fields.Int("max_position_embeddings",
                                    family.max_positions, kPositionsRange);
  config.rms_norm_eps = fields.Number("rms_norm_eps", 1e-6, {0.0, 1.0});
  config.tie_word_embeddings = fields.Bool("tie_word_embeddings", false);
  config.qk_norm = family.qk_norm;
  ReadHeads(fields, family, config);
  ReadBiases(fields, family, config);
  ReadWindows(fields, family, config);
  config.rope = ReadRopeConfig(fields, config.max_positions, config.warnings);
  LORA_RETURN_IF_ERROR(fields.status());
  return config;
}

// End tokens: generation_config.json, else config.json, else the class's.
// Sampling: generation_config.json.
absl::Status ReadGenerationConfig(FieldReader& fields,
                                  const FamilyRules& family,
                                  absl::string_view generation_config_json,
                                  DecoderConfig& config) {
  std::optional<std::vector<int32_t>> ids =
      ReadEosIds(fields, config.vocab_size);
  LORA_RETURN_IF_ERROR(fields.status());
  if (!generation_config_json.empty()) {
    LORA_ASSIGN_OR_RETURN(
        const Json object,
        ParseObject(generation_config_json, "generation_config.json"));
    FieldReader generation(object, "generation_config.json");
    std::optional<std::vector<int32_t>> own =
        ReadEosIds(generation, config.vocab_size);
    config.sampling = ReadSamplingDefaults(generation, config.warnings);
    LORA_RETURN_IF_ERROR(generation.status());
    if (own.has_value()) ids = std::move(own);
  }
  if (ids.has_value()) {
    config.eos_token_ids = *std::move(ids);
  } else if (family.eos_token_id && *family.eos_token_id < config.vocab_size) {
    config.eos_token_ids = {*family.eos_token_id};
  } else {
    config.warnings.push_back(
        "no \"eos_token_id\" in generation_config.json or config.json: "
        "answers end only at stop strings or their length");
  }
  return absl::OkStatus();
}

}  // namespace

int64_t DecoderConfig::max_context() const {
  switch (rope.type) {
    case RopeType::kDefault:
    case RopeType::kLlama3:
      break;
    case RopeType::kLinear:
    case RopeType::kDynamic:
    case RopeType::kYarn: {
      // Below 2^51: both are bounded where they are read.
      const double stretched =
          static_cast<double>(rope.original_max_positions) * rope.factor;
      return std::max(max_positions, static_cast<int64_t>(stretched));
    }
  }
  return max_positions;
}

absl::StatusOr<DecoderConfig> ParseDecoderConfig(
    absl::string_view config_json, absl::string_view generation_config_json) {
  LORA_ASSIGN_OR_RETURN(const Json object,
                        ParseObject(config_json, "config.json"));
  FieldReader fields(object, "config.json");
  LORA_ASSIGN_OR_RETURN(const FamilyRules* family, ReadFamily(fields));
  LORA_ASSIGN_OR_RETURN(DecoderConfig config, ReadConfig(fields, *family));
  LORA_RETURN_IF_ERROR(
      ReadGenerationConfig(fields, *family, generation_config_json, config));
  for (std::string& warning : UnknownFieldWarnings(fields)) {
    config.warnings.push_back(std::move(warning));
  }
  return config;
}

}  // namespace lora
