// SPDX-License-Identifier: Apache-2.0
// Order matters: the vocabulary, then what is written in it.
// clang-format off
#include "server/kernels/cpu/simd_avx512.h"
#include "server/kernels/cpu/table.h"
// clang-format on

namespace lora {
namespace {

// Two k a step in one instruction, which multiplies bfloat16 pairs into
// float32.
struct DotStep {
  using Element = uint16_t;
  using X = __m512bh;
  using W = __m512bh;
  static constexpr int kDepth = 2;
  static X Broadcast(const uint16_t* x) {
    int pair;
    memcpy(&pair, x, sizeof(pair));
    return reinterpret_cast<X>(_mm512_set1_epi32(pair));
  }
  // The last, unpaired k: its partner in `w` is padding.
  static X BroadcastLast(const uint16_t* x) {
    return reinterpret_cast<X>(_mm512_set1_epi32(*x));
  }
  static W LoadW(const uint16_t* w) {
    return reinterpret_cast<W>(_mm512_loadu_si512(w));
  }
  static Simd::Vector MulAdd(Simd::Vector sum, X x, W w) {
    return _mm512_dpbf16_ps(sum, x, w);
  }
};

}  // namespace

const CpuKernels& Avx512Bf16Kernels() {
  static constexpr CpuKernels kTable = MakeCpuKernels<DotStep>("avx512bf16");
  return kTable;
}

}  // namespace lora
