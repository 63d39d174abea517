// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_SIMD_AVX2_H_
#define LORA_SERVER_KERNELS_CPU_SIMD_AVX2_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

// AVX2 with FMA in the vocabulary of gemm.h and rows.h.

namespace lora {
namespace {

struct Simd {
  using Vector = __m256;
  struct Pair {
    Vector even;
    Vector odd;
  };
  static constexpr int kLanes = 8;
  // Registers that a tile of gemm.h may accumulate in, and rows that it takes.
  static constexpr int kAccumulators = 8;
  static constexpr int kWideRows = 4;
  static constexpr int kNarrowRows = 4;

  static Vector Zero() { return _mm256_setzero_ps(); }
  static Vector Set(float value) { return _mm256_set1_ps(value); }
  static Vector Load(const float* p) { return _mm256_loadu_ps(p); }
  static void Store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
  static Vector Add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector Sub(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
  static Vector Mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static Vector Div(Vector a, Vector b) { return _mm256_div_ps(a, b); }
  static Vector Max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  static Vector Min(Vector a, Vector b) { return _mm256_min_ps(a, b); }
  // a * b + c, rounded once.
  static Vector MulAdd(Vector a, Vector b, Vector c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  // `v` where x >= bound, else zero.
  static Vector ZeroBelow(Vector x, Vector bound, Vector v) {
    return _mm256_and_ps(_mm256_cmp_ps(x, bound, _CMP_GE_OQ), v);
  }
  static Vector Round(Vector v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // 2^n for integral n in [-126, 127].
  static Vector Pow2(Vector n) {
    const __m256i biased =
        _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }
  static float ReduceAdd(Vector v) {
    __m128 sum =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
  }
  static float ReduceMax(Vector v) {
    __m128 max =
        _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    max = _mm_max_ps(max, _mm_movehl_ps(max, max));
    return _mm_cvtss_f32(_mm_max_ss(max, _mm_movehdup_ps(max)));
  }

  static Vector Load(const uint16_t* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static void Store(uint16_t* p, Vector v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd =
        _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i nearest =
        _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, odd),
                                           _mm256_set1_epi32(0x7fff)),
                          16);
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m256i rounded =
        _mm256_blendv_epi8(nearest, _mm256_set1_epi32(0x7fc0), nan);
    // Packing works within 128-bit lanes: gather their low halves.
    const __m256i packed =
        _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded, rounded), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_castsi256_si128(packed));
  }
  // kLanes pairs of bfloat16, taken apart.
  static Pair LoadPairs(const uint16_t* p) {
    const __m256i pairs =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)),
            _mm256_castsi256_ps(_mm256_and_si256(
                pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000u))))};
  }

  // out[c * out_stride + r] = in[r, c] over kLanes x kLanes words.
  static void Transpose(const char* in, int64_t in_stride_bytes, uint32_t* out,
                        int64_t out_stride) {
    __m256 a[8];
    __m256 b[8];
    for (int r = 0; r < 8; ++r) {
      a[r] = _mm256_loadu_ps(
          reinterpret_cast<const float*>(in + r * in_stride_bytes));
    }
    for (int r = 0; r < 8; r += 2) {
      b[r] = _mm256_unpacklo_ps(a[r], a[r + 1]);
      b[r + 1] = _mm256_unpackhi_ps(a[r], a[r + 1]);
    }
    for (int r = 0; r < 8; r += 4) {
      a[r] = _mm256_shuffle_ps(b[r], b[r + 2], 0x44);
      a[r + 1] = _mm256_shuffle_ps(b[r], b[r + 2], 0xee);
      a[r + 2] = _mm256_shuffle_ps(b[r + 1], b[r + 3], 0x44);
      a[r + 3] = _mm256_shuffle_ps(b[r + 1], b[r + 3], 0xee);
    }
    float* words = reinterpret_cast<float*>(out);
    for (int c = 0; c < 4; ++c) {
      _mm256_storeu_ps(words + c * out_stride,
                       _mm256_permute2f128_ps(a[c], a[4 + c], 0x20));
      _mm256_storeu_ps(words + (4 + c) * out_stride,
                       _mm256_permute2f128_ps(a[c], a[4 + c], 0x31));
    }
  }
};

}  // namespace
}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_SIMD_AVX2_H_
