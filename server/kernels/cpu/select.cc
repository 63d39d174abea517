// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/cpu/select.h"

namespace lora {

std::vector<const CpuKernels*> SupportedCpuKernels() {
  std::vector<const CpuKernels*> tables;
#if defined(__x86_64__)
  // These also ask whether the operating system saves the wide registers.
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  const bool avx512_bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  if (avx512_bf16) tables.push_back(&Avx512Bf16Kernels());
  if (avx512) tables.push_back(&Avx512Kernels());
  if (avx2) tables.push_back(&Avx2Kernels());
#endif
  tables.push_back(&PortableKernels());
  return tables;
}

const CpuKernels& BestCpuKernels() {
  static const CpuKernels& best = *SupportedCpuKernels().front();
  return best;
}

bool HasNativeBf16() {
#if defined(__x86_64__)
  return &BestCpuKernels() == &Avx512Bf16Kernels();
#else
  return false;
#endif
}

}  // namespace lora
