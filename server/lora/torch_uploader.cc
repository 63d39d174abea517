// SPDX-License-Identifier: Apache-2.0
#include "server/lora/torch_uploader.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/kernels/torch_status.h"

namespace lora {
namespace {

c10::ScalarType ToScalarType(AdapterDtype dtype) {
  switch (dtype) {
    case AdapterDtype::kF32:
      return c10::ScalarType::Float;
    case AdapterDtype::kF16:
      return c10::ScalarType::Half;
    case AdapterDtype::kBF16:
      return c10::ScalarType::BFloat16;
    case AdapterDtype::kF64:
      return c10::ScalarType::Double;
  }
  return c10::ScalarType::Undefined;
}

// Copies [rows, columns] at `offset` of the file, where it may be misaligned.
at::Tensor ReadMatrix(const HostAdapter& adapter, int64_t offset, int64_t rows,
                      int64_t columns) {
  at::Tensor matrix =
      at::empty({rows, columns}, ToScalarType(adapter.spec.dtype));
  std::memcpy(matrix.mutable_data_ptr(), adapter.bytes.data() + offset,
              matrix.nbytes());
  return matrix;
}

}  // namespace

int64_t TorchUploader::DeviceBytes(const AdapterSpec& spec) const {
  int64_t bytes = 0;
  for (const AdaptedModule& module : spec.modules) {
    const BaseModule& base = base_.modules[module.module_index];
    bytes += PackedWeight::PackedBytes(module.rank, base.in_features, dtype_,
                                       device_);
    bytes += PackedWeight::PackedBytes(base.out_features, module.rank, dtype_,
                                       device_);
  }
  return bytes;
}

absl::StatusOr<LoraWeights::IndexedModule> TorchUploader::UploadModule(
    const HostAdapter& adapter, const AdaptedModule& module,
    WeightArena& arena) const {
  const BaseModule& base = base_.modules[module.module_index];
  LoraWeights::IndexedModule uploaded;
  uploaded.module_index = module.module_index;
  uploaded.module.scaling = module.scaling;
  LORA_ASSIGN_OR_RETURN(
      uploaded.module.a,
      PackedWeight::Pack(
          ReadMatrix(adapter, module.a_offset, module.rank, base.in_features),
          dtype_, device_, arena));
  LORA_ASSIGN_OR_RETURN(
      uploaded.module.b,
      PackedWeight::Pack(
          ReadMatrix(adapter, module.b_offset, base.out_features, module.rank),
          dtype_, device_, arena));
  return uploaded;
}

absl::StatusOr<std::unique_ptr<const DeviceAdapter>> TorchUploader::Upload(
    const HostAdapter& adapter) {
  std::vector<LoraWeights::IndexedModule> modules;
  modules.reserve(adapter.spec.modules.size());
  const absl::Status status = TorchGuard([&] {
    LORA_ASSIGN_OR_RETURN(
        WeightArena arena,
        WeightArena::Create(DeviceBytes(adapter.spec), device_));
    for (const AdaptedModule& module : adapter.spec.modules) {
      LORA_ASSIGN_OR_RETURN(LoraWeights::IndexedModule uploaded,
                            UploadModule(adapter, module, arena));
      modules.push_back(std::move(uploaded));
    }
    return absl::OkStatus();
  });
  if (!status.ok()) {
    return Annotate(status, absl::StrCat("adapter \"", adapter.key.id.value(),
                                         "\" on the device"));
  }
  return std::make_unique<const LoraWeights>(std::move(modules));
}

}  // namespace lora
