// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/tensor_loader.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "server/base/status_macros.h"
#include "server/kernels/check.h"
#include "server/kernels/torch_status.h"

namespace lora {
namespace {

at::ScalarType ScalarTypeOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return at::kFloat;
    case Dtype::kF16:
      return at::kHalf;
    case Dtype::kBF16:
      return at::kBFloat16;
    default:
      LORA_CHECK(false, "a plan holds F32, F16 and BF16 only");
  }
}

// The stored tensor, on the CPU: the mapping itself where it is aligned.
at::Tensor StoredTensor(const CheckpointTensor& source) {
  const TensorInfo& info = *source.info;
  const at::ScalarType dtype = ScalarTypeOf(info.dtype);
  if (source.aligned()) {
    // ATen has no tensor of constant memory; nothing writes to this one.
    return at::from_blob(const_cast<char*>(source.bytes.data()), info.shape,
                         at::dtype(dtype));
  }
  at::Tensor copy = at::empty(info.shape, at::dtype(dtype));
  std::memcpy(copy.mutable_data_ptr(), source.bytes.data(),
              source.bytes.size());
  return copy;
}

}  // namespace

TensorLoader::TensorLoader(const WeightFormat& format, int64_t total_bytes,
                           LoadProgress progress)
    : format_(format),
      total_bytes_(total_bytes),
      progress_(std::move(progress)) {}

absl::StatusOr<at::Tensor> TensorLoader::LoadTensor(
    const PlannedTensor& planned) {
  at::Tensor tensor;
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    const at::ScalarType dtype =
        planned.use == PlannedTensor::Use::kBias ? at::kFloat : format_.dtype;
    // Never the mapping itself, which goes away after loading.
    tensor = StoredTensor(planned.source)
                 .to(at::dtype(dtype).device(format_.device),
                     /*non_blocking=*/false, /*copy=*/true);
    return absl::OkStatus();
  }));
  Advance(planned.Bytes(format_));
  return tensor;
}

absl::StatusOr<PackedWeight> TensorLoader::LoadMatrix(
    const PlannedTensor& planned, WeightArena& arena) {
  absl::StatusOr<PackedWeight> packed = PackedWeight();
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    packed = PackedWeight::Pack(StoredTensor(planned.source), format_.dtype,
                                format_.device, arena);
    return packed.status();
  }));
  Advance(planned.Bytes(format_));
  return packed;
}

void TensorLoader::Advance(int64_t bytes) {
  const int64_t before = loaded_bytes_ * 10 / total_bytes_;
  loaded_bytes_ += bytes;
  const int64_t after = loaded_bytes_ * 10 / total_bytes_;
  if (after > before && progress_) progress_(loaded_bytes_, total_bytes_);
}

}  // namespace lora
