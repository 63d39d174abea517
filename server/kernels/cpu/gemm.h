// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_GEMM_H_
#define LORA_SERVER_KERNELS_CPU_GEMM_H_

#include <cstdint>
#include <cstring>

#include "server/kernels/cpu/cpu_kernels.h"

// The register tile that multiplies rows with a panel, over a `Step` that
// multiplies one step of k. Included after one simd_*.h.

namespace lora {
namespace {

// One k a step.
struct F32Step {
  using Element = float;
  using X = Simd::Vector;
  using W = Simd::Vector;
  static constexpr int kDepth = 1;
  static X Broadcast(const float* x) { return Simd::Set(*x); }
  static W LoadW(const float* w) { return Simd::Load(w); }
  static Simd::Vector MulAdd(Simd::Vector sum, X x, W w) {
    return Simd::MulAdd(x, w, sum);
  }
};

// Two k a step, widened to float32.
struct WidenedBf16Step {
  using Element = uint16_t;
  using X = Simd::Pair;
  using W = Simd::Pair;
  static constexpr int kDepth = 2;
  static X Broadcast(const uint16_t* x) {
    return {Simd::Set(Widen(x[0])), Simd::Set(Widen(x[1]))};
  }
  // The last, unpaired k: its partner in `w` is padding.
  static X BroadcastLast(const uint16_t* x) {
    return {Simd::Set(Widen(x[0])), Simd::Zero()};
  }
  static W LoadW(const uint16_t* w) { return Simd::LoadPairs(w); }
  static Simd::Vector MulAdd(Simd::Vector sum, X x, W w) {
    return Simd::MulAdd(x.odd, w.odd, Simd::MulAdd(x.even, w.even, sum));
  }

 private:
  static float Widen(uint16_t bits) {
    const uint32_t word = static_cast<uint32_t>(bits) << 16;
    float value;
    memcpy(&value, &word, sizeof(value));
    return value;
  }
};

// Where a tile lies, and what it fetches ahead.
struct TileAt {
  int64_t row;
  int64_t panel;
  int64_t k_begin;  // A multiple of Step::kDepth.
  int64_t k_end;
  // Which share of the memory behind the block this tile brings near.
  int64_t share;
};

// Vectors of columns that a tile of `rows` accumulates side by side.
constexpr int TileVectors(int width, int rows) {
  int vectors = width / Simd::kLanes;
  while (vectors * rows > Simd::kAccumulators) vectors /= 2;
  return vectors;
}

// When several tiles use a block of weights, the first waits for memory and the
// rest for arithmetic. So that both go on at once, each of the first kShares
// tiles fetches a part of the block that comes next.
constexpr int64_t kShares = 2;
// Weights of a block, in bytes: this one, the next and the rows fit the
// second-level cache.
constexpr int64_t kBlockBytes = 128 << 10;
constexpr int64_t kCacheLine = 64;

// For reading, into the second level: the first is full of rows.
template <int64_t kBytes>
__attribute__((always_inline)) inline void Fetch(const char* memory) {
#pragma GCC unroll 8
  for (int64_t line = 0; line < kBytes; line += kCacheLine) {
    __builtin_prefetch(memory + line, 0, 2);
  }
}

template <class Element>
const Element* ElementAt(const void* elements, int64_t index) {
  return static_cast<const Element*>(elements) + index;
}

// Rows [row, row + kRows) by kVectors vectors of columns from `column` on, over
// one block of k.
template <class Step, int kWidth, int kRows, int kVectors, bool kAhead>
inline void MultiplyTile(const GemmTile& t, const TileAt& at, int64_t column) {
  using Element = typename Step::Element;
  constexpr int64_t kStepBytes = kWidth * Step::kDepth * sizeof(Element);
  constexpr int64_t kShareBytes = kStepBytes / kShares;
  const auto* x = ElementAt<Element>(t.x, at.row * t.x_stride + at.k_begin);
  const auto* w =
      ElementAt<Element>(t.w, at.panel * t.panel_stride + at.k_begin * kWidth +
                                  column * Step::kDepth);
  float* out = t.out + at.row * t.out_stride + at.panel * kWidth + column;
  const int64_t depth = at.k_end - at.k_begin;
  const char* ahead = reinterpret_cast<const char*>(w + depth * kWidth) +
                      at.share * kShareBytes;

  Simd::Vector sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = t.accumulate || at.k_begin > 0
                      ? Simd::Load(out + r * t.out_stride + v * Simd::kLanes)
                      : Simd::Zero();
    }
  }
  const auto step = [&](auto broadcast, int64_t k)
      __attribute__((always_inline)) {
    typename Step::W weights[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      weights[v] =
          Step::LoadW(w + k * kWidth + v * Simd::kLanes * Step::kDepth);
    }
    if constexpr (kAhead) {
      Fetch<kShareBytes>(ahead + k / Step::kDepth * kStepBytes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const typename Step::X factor = broadcast(x + r * t.x_stride + k);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = Step::MulAdd(sum[r][v], factor, weights[v]);
      }
    }
  };
  int64_t k = 0;
  for (; k + Step::kDepth <= depth; k += Step::kDepth) {
    step([](const Element* p) { return Step::Broadcast(p); }, k);
  }
  if constexpr (Step::kDepth > 1) {
    if (k < depth) {
      step([](const Element* p) { return Step::BroadcastLast(p); }, k);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      Simd::Store(out + r * t.out_stride + v * Simd::kLanes, sum[r][v]);
    }
  }
}

// Rows [row, row + rows), 1 <= rows <= kRows, by a block of a whole panel.
template <class Step, int kWidth, int kRows, bool kAhead>
inline void MultiplyRows(const GemmTile& t, const TileAt& at, int64_t rows) {
  if (rows == kRows) {
    constexpr int kVectors = TileVectors(kWidth, kRows);
    constexpr int64_t kColumns = kVectors * Simd::kLanes;
    for (int64_t c = 0; c < kWidth; c += kColumns) {
      MultiplyTile<Step, kWidth, kRows, kVectors, kAhead && kColumns == kWidth>(
          t, at, c);
    }
    return;
  }
  if constexpr (kRows > 1) {
    MultiplyRows<Step, kWidth, kRows - 1, kAhead>(t, at, rows);
  }
}

// One block by all rows, split into the fewest tiles, of nearly equal height.
template <class Step, int kWidth, int kMaxRows>
inline void MultiplyBlock(const GemmTile& t, TileAt at) {
  const int64_t tiles = (t.rows + kMaxRows - 1) / kMaxRows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t rows = (t.rows - at.row) / (tiles - tile);
    at.share = tile;
    if (tiles >= kShares && tile < kShares) {
      MultiplyRows<Step, kWidth, kMaxRows, true>(t, at, rows);
    } else {
      MultiplyRows<Step, kWidth, kMaxRows, false>(t, at, rows);
    }
    at.row += rows;
  }
}

// The whole of `t`: panels outside, rows inside, so that weights are read from
// memory once. Sums that wait in `out` between blocks are the same sums.
template <class Step, int kWidth, int kMaxRows>
void Gemm(const GemmTile& t) {
  constexpr int64_t kStepBytes =
      kWidth * Step::kDepth * sizeof(typename Step::Element);
  constexpr int64_t kBlockDepth = kBlockBytes / kStepBytes * Step::kDepth;
  // A single tile has no use for blocks.
  const int64_t block = t.rows > kMaxRows ? kBlockDepth : t.depth;
  for (int64_t panel = 0; panel < t.panels; ++panel) {
    for (int64_t k = 0; k < t.depth; k += block) {
      const int64_t end = t.depth - k > block ? k + block : t.depth;
      MultiplyBlock<Step, kWidth, kMaxRows>(t, {0, panel, k, end, 0});
    }
  }
}

template <class Step>
void GemmWide(const GemmTile& t) {
  Gemm<Step, kWidePanel, Simd::kWideRows>(t);
}

template <class Step>
void GemmNarrow(const GemmTile& t) {
  Gemm<Step, kNarrowPanel, Simd::kNarrowRows>(t);
}

}  // namespace
}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_GEMM_H_
