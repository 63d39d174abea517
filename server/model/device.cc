// SPDX-License-Identifier: Apache-2.0
#include "server/model/device.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/kernels/torch_status.h"

namespace lora {

absl::Status CheckDevice(c10::Device device) {
  if (!device.is_cuda() || at::hasCUDA()) return absl::OkStatus();
  return Error(
      absl::StatusCode::kFailedPrecondition, ErrorReason::kParam,
      at::globalContext().hasCUDART()
          ? "there is no CUDA device: check the driver (nvidia-smi) and "
            "CUDA_VISIBLE_DEVICES"
          : "this build has no CUDA: run tools/setup --cuda and build with the "
            "CMake preset cuda");
}

absl::StatusOr<int64_t> FreeDeviceBytes(c10::Device device) {
  int64_t bytes = 0;
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    const auto [free, total] =
        c10::getDeviceAllocator(device.type())
            ->getMemoryInfo(std::max<c10::DeviceIndex>(device.index(), 0));
    bytes = static_cast<int64_t>(free);
    return absl::OkStatus();
  }));
  return bytes;
}

}  // namespace lora
