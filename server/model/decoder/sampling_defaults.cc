// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/sampling_defaults.h"

#include <cmath>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/model/sampling_params.h"

namespace lora {
namespace {

constexpr double kMaxInteger = 1 << 30;

// Sets `field` to the number of its name if `params` may have it there.
template <typename T>
void Read(FieldReader& fields, absl::string_view name, T SamplingParams::*param,
          std::optional<T>& field, std::vector<std::string>& warnings) {
  const Json* const value = fields.Raw(name);
  if (value == nullptr) return;
  absl::Status status = absl::InvalidArgumentError("it is no such number");
  const bool fits = std::is_floating_point_v<T>
                        ? value->is_number()
                        : value->is_number_integer() &&
                              std::abs(value->get<double>()) <= kMaxInteger;
  if (fits) {
    SamplingParams params;
    params.*param = value->get<T>();
    status = ValidateSamplingParams(params);
    if (status.ok()) field = params.*param;
  }
  if (!status.ok()) {
    warnings.push_back(absl::StrCat(fields.context(), ": \"", name,
                                    "\" is ignored: ", status.message()));
  }
}

}  // namespace

SamplingDefaults ReadSamplingDefaults(FieldReader& generation_config,
                                      std::vector<std::string>& warnings) {
  SamplingDefaults defaults;
  defaults.do_sample = generation_config.Bool("do_sample", false);
  const auto read = [&](absl::string_view name, auto param, auto& field) {
    Read(generation_config, name, param, field, warnings);
  };
  read("temperature", &SamplingParams::temperature, defaults.temperature);
  read("top_k", &SamplingParams::top_k, defaults.top_k);
  read("top_p", &SamplingParams::top_p, defaults.top_p);
  read("min_p", &SamplingParams::min_p, defaults.min_p);
  read("repetition_penalty", &SamplingParams::repetition_penalty,
       defaults.repetition_penalty);
  return defaults;
}

}  // namespace lora
