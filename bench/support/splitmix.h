// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_SUPPORT_SPLITMIX_H_
#define LORA_BENCH_SUPPORT_SPLITMIX_H_

#include <cstdint>

namespace lora {

// Random numbers that are the same on every machine and with every library,
// which std's distributions are not (SplitMix64, Steele et al. 2014,
// doi:10.1145/2660193.2660195). One generator for each (seed, stream), so that
// the i-th request or tensor does not depend on the ones before it.
//
// Not thread-safe.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed, uint64_t stream = 0)
      : state_(Scramble(Scramble(seed) ^ stream)) {}

  uint64_t Next() { return Scramble(state_ += kStep); }
  // In [0, 1).
  double NextUnit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;

  static uint64_t Scramble(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  uint64_t state_;
};

}  // namespace lora

#endif  // LORA_BENCH_SUPPORT_SPLITMIX_H_
