// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CPU_SELECT_H_
#define LORA_SERVER_KERNELS_CPU_SELECT_H_

#include <vector>

#include "server/kernels/cpu/cpu_kernels.h"

namespace lora {

// The tables that this machine can run, fastest first; the last is the
// portable one.
std::vector<const CpuKernels*> SupportedCpuKernels();

// The first of them.
const CpuKernels& BestCpuKernels();

// Whether this machine multiplies bfloat16 in hardware, so that 16-bit weights
// are faster than float32 and not slower.
bool HasNativeBf16();

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_CPU_SELECT_H_
