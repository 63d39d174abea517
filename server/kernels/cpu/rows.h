// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_ROWS_H_
#define LORA_SERVER_KERNELS_CPU_ROWS_H_

#include <cmath>
#include <cstdint>
#include <cstring>

#include "server/kernels/cpu/cpu_kernels.h"

// Row-wise functions over elements of type T: float, or uint16_t for the bits
// of bfloat16. Included after one simd_*.h.

namespace lora {
namespace {

// A whole vector's worth of elements: the count that the compiler knows.
struct AllLanes {};

template <class T>
Simd::Vector LoadLanes(const T* p, AllLanes) {
  return Simd::Load(p);
}

// The first `lanes` elements; the rest are zero.
template <class T>
Simd::Vector LoadLanes(const T* p, int64_t lanes) {
  T buffer[Simd::kLanes] = {};
  memcpy(buffer, p, static_cast<size_t>(lanes) * sizeof(T));
  return Simd::Load(buffer);
}

template <class T>
void StoreLanes(T* p, Simd::Vector v, AllLanes) {
  Simd::Store(p, v);
}

template <class T>
void StoreLanes(T* p, Simd::Vector v, int64_t lanes) {
  T buffer[Simd::kLanes];
  Simd::Store(buffer, v);
  memcpy(p, buffer, static_cast<size_t>(lanes) * sizeof(T));
}

// Calls body(i, lanes) over [0, n), a vector at a time.
template <class Body>
void ForEachVector(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + Simd::kLanes <= n; i += Simd::kLanes) body(i, AllLanes{});
  if (i < n) body(i, n - i);
}

// `v` rounded to T and widened again.
template <class T>
Simd::Vector RoundTo(Simd::Vector v) {
  T buffer[Simd::kLanes];
  Simd::Store(buffer, v);
  return Simd::Load(buffer);
}

template <>
Simd::Vector RoundTo<float>(Simd::Vector v) {
  return v;
}

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, where exp(r) is
// its Taylor series to the 7th power: relative error below 2e-7. Below -87 it
// is zero; above 88 it is exp(88).
inline Simd::Vector Exp(Simd::Vector x) {
  const Simd::Vector low = Simd::Set(-87.0f);
  const Simd::Vector clamped = Simd::Min(Simd::Max(x, low), Simd::Set(88.0f));
  const Simd::Vector n =
      Simd::Round(Simd::Mul(clamped, Simd::Set(1.44269504f)));
  // ln 2 in two parts, the first exact in a product with n.
  Simd::Vector r = Simd::MulAdd(n, Simd::Set(-0.693359375f), clamped);
  r = Simd::MulAdd(n, Simd::Set(2.12194440e-4f), r);
  constexpr float kInverseFactorials[] = {
      1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f};
  Simd::Vector sum = Simd::Set(1.0f / 5040);
  for (const float factor : kInverseFactorials) {
    sum = Simd::MulAdd(sum, r, Simd::Set(factor));
  }
  return Simd::ZeroBelow(x, low, Simd::Mul(sum, Simd::Pow2(n)));
}

template <class T>
void WidenRow(const void* source, int64_t n, float* out) {
  const T* in = static_cast<const T*>(source);
  ForEachVector(n, [&](int64_t i, auto lanes) {
    StoreLanes(out + i, LoadLanes(in + i, lanes), lanes);
  });
}

template <class T>
void RoundRow(const float* source, float scale, int64_t n, void* out) {
  T* to = static_cast<T*>(out);
  const Simd::Vector factor = Simd::Set(scale);
  ForEachVector(n, [&](int64_t i, auto lanes) {
    StoreLanes(to + i, Simd::Mul(LoadLanes(source + i, lanes), factor), lanes);
  });
}

template <class T>
void FinishProjectionRow(const ProjectionRow& row) {
  T* out = static_cast<T*>(row.out);
  // A null pointer adds zero, so that rows with and without a delta of zero
  // agree on the sign of zero too.
  ForEachVector(row.width, [&](int64_t i, auto lanes) {
    Simd::Vector sum = LoadLanes(row.sum + i, lanes);
    if (row.bias != nullptr) {
      sum = Simd::Add(sum, LoadLanes(row.bias + i, lanes));
    }
    const Simd::Vector delta =
        row.delta != nullptr ? LoadLanes(row.delta + i, lanes) : Simd::Zero();
    StoreLanes(out + i, Simd::Add(sum, delta), lanes);
  });
}

template <class T>
void AddRow(void* x, const void* delta, int64_t n) {
  T* to = static_cast<T*>(x);
  const T* from = static_cast<const T*>(delta);
  ForEachVector(n, [&](int64_t i, auto lanes) {
    const Simd::Vector sum =
        Simd::Add(LoadLanes(to + i, lanes), LoadLanes(from + i, lanes));
    StoreLanes(to + i, sum, lanes);
  });
}

template <class T>
void NormaliseRow(const RmsNormRow& row) {
  const T* x = static_cast<const T*>(row.x);
  const T* weight = static_cast<const T*>(row.weight);
  T* out = static_cast<T*>(row.out);
  Simd::Vector squares = Simd::Zero();
  ForEachVector(row.width, [&](int64_t i, auto lanes) {
    const Simd::Vector v = LoadLanes(x + i, lanes);
    squares = Simd::MulAdd(v, v, squares);
  });
  const float mean = Simd::ReduceAdd(squares) / static_cast<float>(row.width);
  const Simd::Vector factor = Simd::Set(1.0f / sqrtf(mean + row.eps));
  ForEachVector(row.width, [&](int64_t i, auto lanes) {
    const Simd::Vector normal =
        RoundTo<T>(Simd::Mul(LoadLanes(x + i, lanes), factor));
    StoreLanes(out + i, Simd::Mul(normal, LoadLanes(weight + i, lanes)), lanes);
  });
}

template <class T>
void RotateHead(const RopeHead& head) {
  T* first = static_cast<T*>(head.x);
  T* second = first + head.half;
  ForEachVector(head.half, [&](int64_t i, auto lanes) {
    const Simd::Vector cos = LoadLanes(head.cos + i, lanes);
    const Simd::Vector sin = LoadLanes(head.sin + i, lanes);
    const Simd::Vector a = LoadLanes(first + i, lanes);
    const Simd::Vector b = LoadLanes(second + i, lanes);
    StoreLanes(first + i, Simd::Sub(Simd::Mul(a, cos), Simd::Mul(b, sin)),
               lanes);
    StoreLanes(second + i, Simd::Add(Simd::Mul(b, cos), Simd::Mul(a, sin)),
               lanes);
  });
}

template <class T>
void SiluMulRow(const void* gate, const void* up, int64_t n, void* out) {
  const T* g = static_cast<const T*>(gate);
  const T* u = static_cast<const T*>(up);
  T* to = static_cast<T*>(out);
  const Simd::Vector one = Simd::Set(1.0f);
  ForEachVector(n, [&](int64_t i, auto lanes) {
    const Simd::Vector v = LoadLanes(g + i, lanes);
    const Simd::Vector decay = Exp(Simd::Sub(Simd::Zero(), v));
    const Simd::Vector silu = Simd::Div(v, Simd::Add(one, decay));
    StoreLanes(to + i, Simd::Mul(silu, LoadLanes(u + i, lanes)), lanes);
  });
}

inline ChunkSoftmax SoftmaxRow(float* scores, int64_t n, float scale) {
  const Simd::Vector factor = Simd::Set(scale);
  Simd::Vector max = Simd::Set(-__builtin_huge_valf());
  float last = -__builtin_huge_valf();
  ForEachVector(n, [&](int64_t i, auto lanes) {
    const Simd::Vector v = Simd::Mul(LoadLanes(scores + i, lanes), factor);
    StoreLanes(scores + i, v, lanes);
    if constexpr (__is_same(decltype(lanes), AllLanes)) {
      max = Simd::Max(max, v);
    } else {
      for (int64_t j = i; j < n; ++j) {
        if (scores[j] > last) last = scores[j];
      }
    }
  });
  const float whole = Simd::ReduceMax(max);
  const float highest = whole > last ? whole : last;
  const Simd::Vector shift = Simd::Set(highest);
  Simd::Vector sum = Simd::Zero();
  float rest = 0.0f;
  ForEachVector(n, [&](int64_t i, auto lanes) {
    const Simd::Vector p = Exp(Simd::Sub(LoadLanes(scores + i, lanes), shift));
    StoreLanes(scores + i, p, lanes);
    if constexpr (__is_same(decltype(lanes), AllLanes)) {
      sum = Simd::Add(sum, p);
    } else {
      for (int64_t j = i; j < n; ++j) rest += scores[j];
    }
  });
  return {highest, Simd::ReduceAdd(sum) + rest};
}

inline void ScaleAddRow(float* out, float out_scale, const float* x,
                        float x_scale, int64_t n) {
  const Simd::Vector a = Simd::Set(out_scale);
  const Simd::Vector b = Simd::Set(x_scale);
  ForEachVector(n, [&](int64_t i, auto lanes) {
    const Simd::Vector kept = Simd::Mul(LoadLanes(out + i, lanes), a);
    const Simd::Vector sum = Simd::MulAdd(LoadLanes(x + i, lanes), b, kept);
    StoreLanes(out + i, sum, lanes);
  });
}

inline void TransposeWords(const WordMatrix& matrix, uint32_t* out,
                           int64_t out_stride) {
  constexpr int64_t kBlock = Simd::kLanes;
  const char* in = static_cast<const char*>(matrix.data);
  for (int64_t r = 0; r < matrix.rows; r += kBlock) {
    for (int64_t c = 0; c < matrix.columns; c += kBlock) {
      const char* from = in + r * matrix.stride_bytes + c * 4;
      uint32_t* to = out + c * out_stride + r;
      const int64_t rows = matrix.rows - r;
      const int64_t columns = matrix.columns - c;
      if (rows >= kBlock && columns >= kBlock) {
        Simd::Transpose(from, matrix.stride_bytes, to, out_stride);
        continue;
      }
      for (int64_t i = 0; i < rows && i < kBlock; ++i) {
        for (int64_t j = 0; j < columns && j < kBlock; ++j) {
          memcpy(to + j * out_stride + i,
                 from + i * matrix.stride_bytes + j * 4, 4);
        }
      }
    }
  }
}

}  // namespace
}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_ROWS_H_
