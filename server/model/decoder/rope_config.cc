// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/rope_config.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/model/decoder/field_reader.h"

namespace lora {
namespace {

constexpr double kDefaultTheta = 10000.0;
constexpr FieldReader::Range<double> kThetaRange = {1.0, 1e15};
constexpr FieldReader::Range<double> kFactorRange = {1e-3, 1e6};
constexpr FieldReader::Range<int64_t> kPositionsRange = {1, int64_t{1} << 31};

std::optional<RopeType> ParseRopeType(absl::string_view name) {
  if (name == "default") return RopeType::kDefault;
  if (name == "linear") return RopeType::kLinear;
  if (name == "dynamic") return RopeType::kDynamic;
  if (name == "yarn") return RopeType::kYarn;
  if (name == "llama3") return RopeType::kLlama3;
  return std::nullopt;
}

RopeType ReadType(FieldReader& fields) {
  const std::string old_name = fields.String("type", "default");
  const std::string name = fields.String("rope_type", old_name);
  const std::optional<RopeType> type = ParseRopeType(name);
  if (!type.has_value()) {
    fields.FailFeature(absl::StrCat(
        "RoPE type \"", name,
        "\" is not supported (default, linear, dynamic, yarn, llama3 are)"));
  }
  return type.value_or(RopeType::kDefault);
}

void RefuseUnsupported(FieldReader& fields) {
  if (fields.Number("partial_rotary_factor", 1.0, {0.0, 1.0}) != 1.0) {
    fields.FailFeature(
        "\"partial_rotary_factor\" other than 1 is not "
        "supported");
  }
  if (fields.Has("mrope_section")) {
    fields.FailFeature("multimodal RoPE (\"mrope_section\") is not supported");
  }
  for (absl::string_view layer_type : {"full_attention", "sliding_attention"}) {
    if (!fields.Has(layer_type)) continue;
    fields.FailFeature(
        "RoPE parameters that differ by layer type are not "
        "supported");
  }
}

double ReadFactor(FieldReader& fields) {
  if (!fields.Has("factor")) {
    fields.FailBase("\"factor\" is missing, which this RoPE type needs");
  }
  return fields.Number("factor", 1.0, kFactorRange);
}

// How much attention sharpens with the context: Peng et al. 2023,
// arXiv:2309.00071, section 3.4.
double YarnMscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double ReadAttentionFactor(FieldReader& fields, double factor) {
  constexpr FieldReader::Range<double> kRange = {0.0, 1e3};
  const double mscale = fields.Number("mscale", 0.0, kRange);
  const double all_dim = fields.Number("mscale_all_dim", 0.0, kRange);
  const double inferred =
      mscale != 0.0 && all_dim != 0.0
          ? YarnMscale(factor, mscale) / YarnMscale(factor, all_dim)
          : YarnMscale(factor, 1.0);
  return fields.Number("attention_factor", inferred, kRange);
}

void ReadYarn(FieldReader& fields, int64_t max_positions, RopeConfig& rope) {
  const double implied = static_cast<double>(max_positions) /
                         static_cast<double>(rope.original_max_positions);
  rope.factor = fields.Number("factor", implied, kFactorRange);
  rope.beta_fast = fields.Number("beta_fast", 32.0, {1e-3, 1e6});
  rope.beta_slow = fields.Number("beta_slow", 1.0, {1e-3, 1e6});
  rope.truncate = fields.Bool("truncate", true);
  rope.attention_factor = ReadAttentionFactor(fields, rope.factor);
  if (rope.theta == 1.0) {
    fields.FailBase("\"rope_theta\" is 1, which yarn cannot scale");
  }
}

void ReadLlama3(FieldReader& fields, RopeConfig& rope) {
  rope.factor = ReadFactor(fields);
  for (absl::string_view key : {"low_freq_factor", "high_freq_factor"}) {
    if (fields.Has(key)) continue;
    fields.FailBase(absl::StrCat("\"", key,
                                 "\" is missing, which RoPE type "
                                 "llama3 needs"));
  }
  rope.low_freq_factor = fields.Number("low_freq_factor", 1.0, kFactorRange);
  rope.high_freq_factor = fields.Number("high_freq_factor", 4.0, kFactorRange);
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    fields.FailBase(absl::StrCat(
        "\"high_freq_factor\" is ", rope.high_freq_factor,
        ", expected more than \"low_freq_factor\", ", rope.low_freq_factor));
  }
}

// What the model was trained on, before scaling.
struct TrainedPositions {
  int64_t max_positions = 0;
  // A top-level `original_max_position_embeddings`: wins over the one inside.
  std::optional<int64_t> original;
};

RopeConfig ReadScaling(FieldReader& fields, double theta,
                       const TrainedPositions& trained) {
  RefuseUnsupported(fields);
  RopeConfig rope;
  rope.type = ReadType(fields);
  rope.theta = fields.Number("rope_theta", theta, kThetaRange);
  const int64_t inner = fields.Int("original_max_position_embeddings",
                                   trained.max_positions, kPositionsRange);
  rope.original_max_positions = trained.original.value_or(inner);
  switch (rope.type) {
    case RopeType::kDefault:
      break;
    case RopeType::kLinear:
      rope.factor = ReadFactor(fields);
      break;
    case RopeType::kDynamic:
      rope.factor = ReadFactor(fields);
      rope.original_max_positions = trained.max_positions;
      break;
    case RopeType::kYarn:
      ReadYarn(fields, trained.max_positions, rope);
      break;
    case RopeType::kLlama3:
      ReadLlama3(fields, rope);
      break;
  }
  return rope;
}

}  // namespace

RopeConfig ReadRopeConfig(FieldReader& config, int64_t max_positions,
                          std::vector<std::string>& warnings) {
  const double theta = config.Number("rope_theta", kDefaultTheta, kThetaRange);
  TrainedPositions trained = {.max_positions = max_positions};
  if (config.Has("original_max_position_embeddings")) {
    trained.original =
        config.Int("original_max_position_embeddings", 1, kPositionsRange);
  }
  const Json* parameters = config.Raw("rope_parameters");
  const Json* scaling = config.Raw("rope_scaling");
  const std::string key =
      scaling != nullptr ? "rope_scaling" : "rope_parameters";
  const Json* chosen = scaling != nullptr ? scaling : parameters;
  if (chosen == nullptr) return {.theta = theta};
  if (!chosen->is_object()) {
    config.FailBase(absl::StrCat("\"", key, "\" is not an object"));
    return {};
  }
  FieldReader fields(*chosen, absl::StrCat(config.context(), ", ", key));
  const RopeConfig rope = ReadScaling(fields, theta, trained);
  config.Fail(fields.status());
  for (const std::string& unread : fields.UnreadKeys()) {
    warnings.push_back(
        absl::StrCat(fields.context(), ": \"", unread, "\" was ignored"));
  }
  return rope;
}

}  // namespace lora
