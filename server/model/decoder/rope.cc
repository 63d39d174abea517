// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lora {
namespace {

// theta such that the longest wave spans `length` instead of the trained
// positions.
double DynamicTheta(const RopeConfig& config, int64_t head_dim,
                    int64_t length) {
  const double trained = static_cast<double>(config.original_max_positions);
  const double stretch =
      config.factor * std::max(static_cast<double>(length), trained) / trained -
      (config.factor - 1.0);
  const double dim = static_cast<double>(head_dim);
  return config.theta * std::pow(stretch, dim / (dim - 2.0));
}

// The dimensions between which yarn fades from kept to interpolated.
struct YarnRamp {
  double low = 0.0;
  double high = 0.0;

  double At(int64_t i) const {
    return std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
  }
};

YarnRamp MakeYarnRamp(const RopeConfig& config, int64_t head_dim) {
  const double dim = static_cast<double>(head_dim);
  // The dimension that turns `rotations` times over the trained positions.
  const auto dimension_of = [&](double rotations) {
    return dim *
           std::log(static_cast<double>(config.original_max_positions) /
                    (2.0 * std::numbers::pi * rotations)) /
           (2.0 * std::log(config.theta));
  };
  double low = dimension_of(config.beta_fast);
  double high = dimension_of(config.beta_slow);
  if (config.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1.0);
  if (low == high) high += 0.001;
  return {low, high};
}

// Long waves are interpolated, short ones kept, those between faded.
double Llama3Frequency(const RopeConfig& config, double frequency) {
  const double trained = static_cast<double>(config.original_max_positions);
  const double wave = 2.0 * std::numbers::pi / frequency;
  if (wave < trained / config.high_freq_factor) return frequency;
  if (wave > trained / config.low_freq_factor) return frequency / config.factor;
  const double keep = (trained / wave - config.low_freq_factor) /
                      (config.high_freq_factor - config.low_freq_factor);
  return (1.0 - keep) * frequency / config.factor + keep * frequency;
}

}  // namespace

std::vector<float> RopeFrequencies(const RopeConfig& config, int64_t head_dim,
                                   int64_t length) {
  const double theta = config.type == RopeType::kDynamic
                           ? DynamicTheta(config, head_dim, length)
                           : config.theta;
  YarnRamp ramp;
  if (config.type == RopeType::kYarn) ramp = MakeYarnRamp(config, head_dim);
  std::vector<float> frequencies;
  frequencies.reserve(head_dim / 2);
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    double frequency = std::pow(
        theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    if (config.type == RopeType::kLinear) frequency /= config.factor;
    if (config.type == RopeType::kLlama3) {
      frequency = Llama3Frequency(config, frequency);
    }
    if (config.type == RopeType::kYarn) {
      const double interpolate = ramp.At(i);
      frequency = interpolate * frequency / config.factor +
                  (1.0 - interpolate) * frequency;
    }
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

int64_t DynamicRopeLength(const RopeConfig& config, int64_t position,
                          int64_t prompt_length) {
  const int64_t length =
      position < prompt_length ? prompt_length : position + 1;
  return std::max(length, config.original_max_positions);
}

Rope::Rope(const RopeConfig& config, int64_t head_dim)
    : config_(config),
      head_dim_(head_dim),
      length_(config.original_max_positions),
      frequencies_(RopeFrequencies(config, head_dim, length_)) {}

void Rope::Fill(int64_t position, int64_t prompt_length, absl::Span<float> cos,
                absl::Span<float> sin) {
  if (config_.type == RopeType::kDynamic) {
    const int64_t length = DynamicRopeLength(config_, position, prompt_length);
    if (length != length_) {
      frequencies_ = RopeFrequencies(config_, head_dim_, length);
      length_ = length;
    }
  }
  const float scale = static_cast<float>(config_.attention_factor);
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    // In float32, as the checkpoints' training had it.
    const float angle = static_cast<float>(position) * frequencies_[i];
    cos[i] = std::cos(angle) * scale;
    sin[i] = std::sin(angle) * scale;
  }
}

}  // namespace lora
