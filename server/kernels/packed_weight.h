// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_PACKED_WEIGHT_H_
#define LORA_SERVER_KERNELS_PACKED_WEIGHT_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/kernels/weight_arena.h"

namespace lora {

// A frozen matrix W [out, in] in the layout that the linear kernels stream.
//
// CPU: blocks of kPanel output columns, `[out/kPanel][in][kPanel]` for float32
// and `[out/kPanel][in/2][kPanel][2]` for bfloat16 (pairs along `in`, as the
// dot-product instruction reads them), ragged edges padded with zeros.
// CUDA: the plain row-major tensor.
//
// The same layout holds base weights, A and B: one kernel multiplies them all.
// Immutable, cheap to move, thread-safe to read.
class PackedWeight {
 public:
  // Output columns that one panel interleaves, at most: a narrow matrix
  // (a low-rank A) uses panels of kNarrowPanel.
  static constexpr int64_t kPanel = 64;
  static constexpr int64_t kNarrowPanel = 16;

  PackedWeight() = default;

  // Copies `weight` [out, in] (any floating dtype, CPU) to `device` as
  // `dtype` (kFloat or kBFloat16).
  //
  // RESOURCE_EXHAUSTED (MEMORY): the allocation failed.
  static absl::StatusOr<PackedWeight> Pack(const at::Tensor& weight,
                                           at::ScalarType dtype,
                                           at::Device device);
  // The same in memory of `arena`, which is of `device` and has room for
  // PackedBytes.
  static absl::StatusOr<PackedWeight> Pack(const at::Tensor& weight,
                                           at::ScalarType dtype,
                                           at::Device device,
                                           WeightArena& arena);

  // What Pack will allocate, exactly.
  static int64_t PackedBytes(int64_t out_features, int64_t in_features,
                             at::ScalarType dtype, at::Device device);

  // The matrix [out, in], row-major, in `dtype()`, on the CPU.
  at::Tensor Unpack() const;

  bool defined() const { return data_.defined(); }
  int64_t out_features() const { return out_features_; }
  int64_t in_features() const { return in_features_; }
  int64_t panel() const { return panel_; }
  at::ScalarType dtype() const { return data_.scalar_type(); }
  at::Device device() const { return data_.device(); }
  int64_t bytes() const { return data_.defined() ? data_.nbytes() : 0; }
  // CPU: the packed panels, flat. CUDA: [out, in].
  const at::Tensor& data() const { return data_; }

 private:
  at::Tensor data_;
  int64_t out_features_ = 0;
  int64_t in_features_ = 0;
  int64_t panel_ = kPanel;
};

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_PACKED_WEIGHT_H_
