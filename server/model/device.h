// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DEVICE_H_
#define LORA_SERVER_MODEL_DEVICE_H_

#include <c10/core/Device.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lora {

// Whether this build and this machine can compute on `device`.
//
// FAILED_PRECONDITION (PARAM): they cannot; the message says what to do.
absl::Status CheckDevice(c10::Device device);

// The memory of `device` that nobody uses now. Requires CheckDevice, and a
// device that is not the CPU.
//
// INTERNAL: the driver does not say.
absl::StatusOr<int64_t> FreeDeviceBytes(c10::Device device);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DEVICE_H_
