// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_CPU_KERNELS_H_
#define LORA_SERVER_KERNELS_CPU_CPU_KERNELS_H_

#include <cstdint>

// The innermost loops, one table for each instruction set, chosen once at run
// time. Plain pointers, no Torch. bfloat16 elements are their 16 bits.
//
// Every function computes an output element by one fixed sequence of
// operations, whatever the other arguments' sizes: the bits of a row do not
// depend on how many rows a call has.

namespace lora {

// Columns that a panel interleaves.
inline constexpr int64_t kWidePanel = 64;
inline constexpr int64_t kNarrowPanel = 16;

// out[m, j] (+)= sum_k x[m, k] w[k, j], in float32, k ascending (for bfloat16:
// pairs of k ascending).
//
// `w` is a run of panels, each [depth, width] for float32 and
// [ceil(depth / 2), width, 2] for bfloat16, where an odd depth is padded with
// zeros. Panel p fills columns [p * width, (p + 1) * width) of `out`.
struct GemmTile {
  const void* x = nullptr;  // [rows, depth]
  int64_t x_stride = 0;     // Elements between rows of x.
  int64_t rows = 0;
  int64_t depth = 0;
  const void* w = nullptr;
  int64_t panel_stride = 0;  // Elements between panels.
  int64_t panels = 1;
  float* out = nullptr;    // [rows, panels * width]
  int64_t out_stride = 0;  // Elements between rows of out.
  // Adds to what `out` holds, instead of to zero.
  bool accumulate = false;
};

// out[j] = round((sum[j] + bias[j]) + delta[j]); a null pointer reads as zero.
struct ProjectionRow {
  const float* sum = nullptr;
  const float* bias = nullptr;
  const float* delta = nullptr;
  int64_t width = 0;
  void* out = nullptr;
};

// out[i] = round(round(x[i] / sqrt(mean(x^2) + eps)) * weight[i]).
struct RmsNormRow {
  const void* x = nullptr;
  const void* weight = nullptr;
  int64_t width = 0;
  float eps = 0.0f;
  void* out = nullptr;  // May be x.
};

// Rotates the pairs (j, j + half) of one head in place.
struct RopeHead {
  const float* cos = nullptr;  // [half]
  const float* sin = nullptr;  // [half]
  int64_t half = 0;
  void* x = nullptr;  // [2 * half]
};

// What depends on the element type of activations and weights.
struct ElementKernels {
  int64_t element_size;
  void (*gemm_wide)(const GemmTile& tile);
  void (*gemm_narrow)(const GemmTile& tile);
  // out[i] = source[i], and out[i] = round(source[i] * scale).
  void (*widen)(const void* source, int64_t n, float* out);
  void (*round)(const float* source, float scale, int64_t n, void* out);
  void (*finish_projection)(const ProjectionRow& row);
  // x[i] = round(x[i] + delta[i]).
  void (*add)(void* x, const void* delta, int64_t n);
  void (*rms_norm)(const RmsNormRow& row);
  void (*rope)(const RopeHead& head);
  // out[i] = round(gate[i] / (1 + exp(-gate[i])) * up[i]).
  void (*silu_mul)(const void* gate, const void* up, int64_t n, void* out);
};

// A [rows, columns] matrix of 32-bit words, read as bytes: rows need no
// alignment.
struct WordMatrix {
  const void* data = nullptr;
  int64_t stride_bytes = 0;
  int64_t rows = 0;
  int64_t columns = 0;
};

// Softmax over one chunk of scores, before normalisation.
struct ChunkSoftmax {
  float max = 0.0f;  // Of scale * score.
  float sum = 0.0f;  // Of exp(scale * score - max).
};

// One instruction set's table. Constant after initialisation, thread-safe.
struct CpuKernels {
  const char* name;
  ElementKernels f32;
  ElementKernels bf16;

  // out[c * out_stride + r] = matrix[r, c].
  void (*transpose)(const WordMatrix& matrix, uint32_t* out,
                    int64_t out_stride);
  // scores[j] = exp(scale * scores[j] - max).
  ChunkSoftmax (*softmax)(float* scores, int64_t n, float scale);
  // out[i] = out[i] * out_scale + x[i] * x_scale.
  void (*scale_add)(float* out, float out_scale, const float* x, float x_scale,
                    int64_t n);
};

const CpuKernels& PortableKernels();
// Only where the compiler targets x86-64; the caller must know that the
// machine has the instructions.
const CpuKernels& Avx2Kernels();
const CpuKernels& Avx512Kernels();
const CpuKernels& Avx512Bf16Kernels();

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_CPU_KERNELS_H_
