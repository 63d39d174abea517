// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/popularity.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "bench/support/splitmix.h"

namespace lora::loadgen {
namespace {

using Kind = Popularity::Kind;

// Those without a parameter.
constexpr std::pair<const char*, Kind> kNames[] = {
    {"none", Kind::kNone},
    {"identical", Kind::kIdentical},
    {"uniform", Kind::kUniform},
    {"distinct", Kind::kDistinct},
    {"steady", Kind::kSteady}};

std::optional<Popularity> ParseZipf(absl::string_view text) {
  double alpha = 0.0;
  if (!absl::ConsumePrefix(&text, "zipf:") || !absl::SimpleAtod(text, &alpha) ||
      !std::isfinite(alpha) || alpha < 0) {
    return std::nullopt;
  }
  return Popularity{.kind = Kind::kZipf, .alpha = alpha};
}

// Running sums of the weights i^-alpha, the last one 1.
std::vector<double> ZipfCumulative(size_t count, double alpha) {
  std::vector<double> cumulative;
  double sum = 0.0;
  for (size_t i = 1; i <= count; ++i) {
    sum += std::pow(static_cast<double>(i), -alpha);
    cumulative.push_back(sum);
  }
  for (double& value : cumulative) value /= sum;
  return cumulative;
}

}  // namespace

absl::StatusOr<Popularity> ParsePopularity(absl::string_view text) {
  for (const auto& [name, kind] : kNames) {
    if (text == name) return Popularity{.kind = kind};
  }
  if (const std::optional<Popularity> zipf = ParseZipf(text)) return *zipf;
  return absl::InvalidArgumentError(absl::StrCat(
      "'", text,
      "' is no popularity; write none, identical, uniform, distinct, steady or "
      "zipf:ALPHA with ALPHA >= 0"));
}

std::string FormatPopularity(const Popularity& popularity) {
  for (const auto& [name, kind] : kNames) {
    if (popularity.kind == kind) return name;
  }
  return absl::StrCat("zipf:", popularity.alpha);
}

AdapterPicker::AdapterPicker(Kind kind, std::vector<std::string> adapters,
                             std::vector<double> cumulative, uint64_t seed)
    : kind_(kind),
      adapters_(std::move(adapters)),
      cumulative_(std::move(cumulative)),
      seed_(seed) {}

absl::StatusOr<AdapterPicker> AdapterPicker::Create(
    Popularity popularity, std::vector<std::string> adapters, uint64_t seed) {
  const Kind kind = popularity.kind;
  if (kind == Kind::kNone) return AdapterPicker(kind, {""}, {}, seed);
  if (adapters.empty()) {
    return absl::InvalidArgumentError(
        "there are no adapters to choose from; load some, or measure the base "
        "model with --popularity none");
  }
  std::vector<double> cumulative;
  if (kind == Kind::kIdentical) adapters.resize(1);
  if (kind == Kind::kUniform || kind == Kind::kZipf) {
    cumulative = ZipfCumulative(adapters.size(), popularity.alpha);
  }
  return AdapterPicker(kind, std::move(adapters), std::move(cumulative), seed);
}

const std::string& AdapterPicker::Pick(int64_t index, int client) const {
  if (kind_ == Kind::kSteady) return adapters_[client % adapters_.size()];
  if (cumulative_.empty()) return adapters_[index % adapters_.size()];
  const double unit = SplitMix(seed_, static_cast<uint64_t>(index)).NextUnit();
  const auto it =
      std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, unit);
  return adapters_[it - cumulative_.begin()];
}

}  // namespace lora::loadgen
