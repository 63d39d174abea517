// SPDX-License-Identifier: Apache-2.0
#include "server/model/sampling_random.h"

namespace lora {
namespace {

constexpr uint64_t kWeyl = 0x9e3779b97f4a7c15;

uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

double UniformAt(uint64_t seed, uint64_t position) {
  const uint64_t bits = Mix(Mix(seed + kWeyl) + (position + 1) * kWeyl);
  // The upper 53 bits: every double of that spacing, and never 1.
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

}  // namespace lora
