// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_POPULARITY_H_
#define LORA_BENCH_LOADGEN_POPULARITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora::loadgen {

// How requests spread over adapters.
struct Popularity {
  enum class Kind : uint8_t {
    kNone,       // The base model alone.
    kIdentical,  // All take the first adapter.
    kUniform,    // Each takes any.
    kZipf,       // Each takes the i-th, from 1, with a weight of i^-alpha.
    kDistinct,   // In turn: neighbours differ.
    kSteady,     // Those of the i-th client, from 0, always take the i-th.
  };
  Kind kind = Kind::kUniform;
  double alpha = 0.0;  // kZipf.
};

// Reads "none", "identical", "uniform", "zipf:1.1", "distinct" or "steady".
//
// INVALID_ARGUMENT: something else, or an alpha that is not a number >= 0.
absl::StatusOr<Popularity> ParsePopularity(absl::string_view text);

// What ParsePopularity reads as `popularity`.
std::string FormatPopularity(const Popularity& popularity);

// Chooses the adapter of each request. Immutable, so thread-safe.
class AdapterPicker {
 public:
  // INVALID_ARGUMENT: no adapters, and `popularity` is not kNone.
  static absl::StatusOr<AdapterPicker> Create(Popularity popularity,
                                              std::vector<std::string> adapters,
                                              uint64_t seed);

  // The adapter of the `index`-th request, always the same; empty: the base.
  // `client` is who sends it and matters to kSteady alone.
  const std::string& Pick(int64_t index, int client) const;

 private:
  AdapterPicker(Popularity::Kind kind, std::vector<std::string> adapters,
                std::vector<double> cumulative, uint64_t seed);

  Popularity::Kind kind_;
  std::vector<std::string> adapters_;
  // Of the adapters' probabilities; empty: requests take them in turn.
  std::vector<double> cumulative_;
  uint64_t seed_;
};

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_POPULARITY_H_
