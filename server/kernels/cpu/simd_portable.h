// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_SIMD_PORTABLE_H_
#define LORA_SERVER_KERNELS_CPU_SIMD_PORTABLE_H_

#include <cstdint>
#include <cstring>

// Four lanes in the compiler's vector extension: any instruction set, in the
// vocabulary of gemm.h and rows.h.

namespace lora {
namespace {

struct Simd {
  using Vector = float __attribute__((vector_size(16)));
  using Words = uint32_t __attribute__((vector_size(16)));
  struct Pair {
    Vector even;
    Vector odd;
  };
  static constexpr int kLanes = 4;
  // Registers that a tile of gemm.h may accumulate in, and rows that it takes.
  static constexpr int kAccumulators = 8;
  static constexpr int kWideRows = 2;
  static constexpr int kNarrowRows = 2;

  static Vector Zero() { return Vector{}; }
  static Vector Set(float value) { return Vector{value, value, value, value}; }
  static Vector Load(const float* p) {
    Vector v;
    memcpy(&v, p, sizeof(v));
    return v;
  }
  static void Store(float* p, Vector v) { memcpy(p, &v, sizeof(v)); }
  static Vector Add(Vector a, Vector b) { return a + b; }
  static Vector Sub(Vector a, Vector b) { return a - b; }
  static Vector Mul(Vector a, Vector b) { return a * b; }
  static Vector Div(Vector a, Vector b) { return a / b; }
  static Vector Max(Vector a, Vector b) { return a > b ? a : b; }
  static Vector Min(Vector a, Vector b) { return a < b ? a : b; }
  // a * b + c, rounded twice.
  static Vector MulAdd(Vector a, Vector b, Vector c) { return a * b + c; }
  // `v` where x >= bound, else zero.
  static Vector ZeroBelow(Vector x, Vector bound, Vector v) {
    return x >= bound ? v : Zero();
  }
  // For |v| < 2^22: adding 1.5 * 2^23 leaves no fraction bits.
  static Vector Round(Vector v) {
    const Vector shift = Set(12582912.0f);
    return (v + shift) - shift;
  }
  // 2^n for integral n in [-126, 127].
  static Vector Pow2(Vector n) {
    using Ints = int32_t __attribute__((vector_size(16)));
    const Ints biased = __builtin_convertvector(n, Ints) + 127;
    return reinterpret_cast<Vector>(biased << 23);
  }
  static float ReduceAdd(Vector v) { return (v[0] + v[2]) + (v[1] + v[3]); }
  static float ReduceMax(Vector v) {
    const float a = v[0] > v[2] ? v[0] : v[2];
    const float b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
  }

  static Vector Load(const uint16_t* p) {
    const Words bits = {p[0], p[1], p[2], p[3]};
    return reinterpret_cast<Vector>(bits << 16);
  }
  static void Store(uint16_t* p, Vector v) {
    const Words bits = reinterpret_cast<Words>(v);
    const Words nearest = (bits + ((bits >> 16) & 1) + 0x7fff) >> 16;
    const Words magnitude = bits & 0x7fffffff;
    const Words quiet_nan = {0x7fc0, 0x7fc0, 0x7fc0, 0x7fc0};
    const Words rounded = magnitude > 0x7f800000 ? quiet_nan : nearest;
    for (int i = 0; i < kLanes; ++i) p[i] = static_cast<uint16_t>(rounded[i]);
  }
  // kLanes pairs of bfloat16, taken apart. The first of a pair is the low half
  // of its word.
  static Pair LoadPairs(const uint16_t* p) {
    const Words even = {p[0], p[2], p[4], p[6]};
    const Words odd = {p[1], p[3], p[5], p[7]};
    return {reinterpret_cast<Vector>(even << 16),
            reinterpret_cast<Vector>(odd << 16)};
  }

  // out[c * out_stride + r] = in[r, c] over kLanes x kLanes words.
  static void Transpose(const char* in, int64_t in_stride_bytes, uint32_t* out,
                        int64_t out_stride) {
    for (int r = 0; r < kLanes; ++r) {
      uint32_t row[kLanes];
      memcpy(row, in + r * in_stride_bytes, sizeof(row));
      for (int c = 0; c < kLanes; ++c) out[c * out_stride + r] = row[c];
    }
  }
};

}  // namespace
}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_SIMD_PORTABLE_H_
