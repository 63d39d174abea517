// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_TORCH_UPLOADER_H_
#define LORA_SERVER_LORA_TORCH_UPLOADER_H_

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "server/adapter/base_model_spec.h"
#include "server/adapter/device_adapter.h"
#include "server/lora/lora_weights.h"

namespace lora {

// Packs adapters for the kernels: A and B are rounded once to the compute type,
// the scaling stays apart in float32. What it makes is a LoraWeights, in one
// arena.
//
// Thread-safe. `base` must outlive it.
class TorchUploader final : public AdapterUploader {
 public:
  // `dtype`: kFloat or kBFloat16, that of the base's weights.
  TorchUploader(const BaseModelSpec& base, c10::ScalarType dtype,
                c10::Device device)
      : base_(base), dtype_(dtype), device_(device) {}

  int64_t DeviceBytes(const AdapterSpec& spec) const override;

  // RESOURCE_EXHAUSTED (MEMORY): the device has no room.
  absl::StatusOr<std::unique_ptr<const DeviceAdapter>> Upload(
      const HostAdapter& adapter) override;

 private:
  absl::StatusOr<LoraWeights::IndexedModule> UploadModule(
      const HostAdapter& adapter, const AdaptedModule& module,
      WeightArena& arena) const;

  const BaseModelSpec& base_;
  const c10::ScalarType dtype_;
  const c10::Device device_;
};

}  // namespace lora

#endif  // LORA_SERVER_LORA_TORCH_UPLOADER_H_
