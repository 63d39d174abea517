// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_SIMD_AVX512_H_
#define LORA_SERVER_KERNELS_CPU_SIMD_AVX512_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

// AVX-512 in the vocabulary of gemm.h and rows.h. Included by one file for each
// set of compiler flags; the unnamed namespace keeps their code apart.

namespace lora {
namespace {

struct Simd {
  using Vector = __m512;
  struct Pair {
    Vector even;
    Vector odd;
  };
  static constexpr int kLanes = 16;
  // Registers that a tile of gemm.h may accumulate in, and rows that it takes.
  static constexpr int kAccumulators = 24;
  static constexpr int kWideRows = 6;
  static constexpr int kNarrowRows = 8;

  static Vector Zero() { return _mm512_setzero_ps(); }
  static Vector Set(float value) { return _mm512_set1_ps(value); }
  static Vector Load(const float* p) { return _mm512_loadu_ps(p); }
  static void Store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
  static Vector Add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector Sub(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static Vector Mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static Vector Div(Vector a, Vector b) { return _mm512_div_ps(a, b); }
  static Vector Max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  static Vector Min(Vector a, Vector b) { return _mm512_min_ps(a, b); }
  // a * b + c, rounded once.
  static Vector MulAdd(Vector a, Vector b, Vector c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  // `v` where x >= bound, else zero.
  static Vector ZeroBelow(Vector x, Vector bound, Vector v) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, bound, _CMP_GE_OQ), v);
  }
  static Vector Round(Vector v) {
    return _mm512_roundscale_ps(v,
                                _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // 2^n for integral n in [-126, 127].
  static Vector Pow2(Vector n) {
    const __m512i biased =
        _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
  }
  static float ReduceAdd(Vector v) { return _mm512_reduce_add_ps(v); }
  static float ReduceMax(Vector v) { return _mm512_reduce_max_ps(v); }

  static Vector Load(const uint16_t* p) {
    const __m256i bits =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static void Store(uint16_t* p, Vector v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), RoundToBf16(v));
  }
  // kLanes pairs of bfloat16, taken apart.
  static Pair LoadPairs(const uint16_t* p) {
    const __m512i pairs = _mm512_loadu_si512(p);
    return {_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
            _mm512_castsi512_ps(_mm512_and_si512(
                pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
  }

  // out[c * out_stride + r] = in[r, c] over kLanes x kLanes words.
  static void Transpose(const char* in, int64_t in_stride_bytes, uint32_t* out,
                        int64_t out_stride);

 private:
  static __m256i RoundToBf16(Vector v) {
#if defined(__AVX512BF16__)
    return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v));
#else
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd =
        _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i nearest =
        _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, odd),
                                           _mm512_set1_epi32(0x7fff)),
                          16);
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(
        _mm512_mask_mov_epi32(nearest, nan, _mm512_set1_epi32(0x7fc0)));
#endif
  }
};

inline void Simd::Transpose(const char* in, int64_t in_stride_bytes,
                            uint32_t* out, int64_t out_stride) {
  __m512i a[16];
  __m512i b[16];
  for (int r = 0; r < 16; ++r) {
    a[r] = _mm512_loadu_si512(in + r * in_stride_bytes);
  }
  for (int r = 0; r < 16; r += 2) {
    b[r] = _mm512_unpacklo_epi32(a[r], a[r + 1]);
    b[r + 1] = _mm512_unpackhi_epi32(a[r], a[r + 1]);
  }
  for (int r = 0; r < 16; r += 4) {
    a[r] = _mm512_unpacklo_epi64(b[r], b[r + 2]);
    a[r + 1] = _mm512_unpackhi_epi64(b[r], b[r + 2]);
    a[r + 2] = _mm512_unpacklo_epi64(b[r + 1], b[r + 3]);
    a[r + 3] = _mm512_unpackhi_epi64(b[r + 1], b[r + 3]);
  }
  // a[4 i + j] holds, in its lane l, column 4 l + j of rows [4 i, 4 i + 4).
  for (int j = 0; j < 4; ++j) {
    b[j] = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88);
    b[4 + j] = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88);
    b[8 + j] = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xdd);
    b[12 + j] = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xdd);
  }
  for (int j = 0; j < 4; ++j) {
    _mm512_storeu_si512(out + j * out_stride,
                        _mm512_shuffle_i32x4(b[j], b[4 + j], 0x88));
    _mm512_storeu_si512(out + (4 + j) * out_stride,
                        _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x88));
    _mm512_storeu_si512(out + (8 + j) * out_stride,
                        _mm512_shuffle_i32x4(b[j], b[4 + j], 0xdd));
    _mm512_storeu_si512(out + (12 + j) * out_stride,
                        _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xdd));
  }
}

}  // namespace
}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_SIMD_AVX512_H_
