// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_MACHINE_H_
#define LORA_SERVER_BASE_MACHINE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace lora {

// The CPUs that this process may use: its affinity mask, cut by the quota of
// its control group. At least 1.
int AvailableCpus();

// The whole CPUs of a cgroup v2 `cpu.max` file ("200000 100000" is 2, a part
// of one counts as one); nullopt without a quota or if it cannot be read.
std::optional<int> ParseCpuQuota(absl::string_view cpu_max);

// The memory that this process may use: the machine's, cut by the limit of its
// control group.
int64_t AvailableMemoryBytes();

// The bytes of a cgroup v2 `memory.max` file; nullopt without a limit or if it
// cannot be read.
std::optional<int64_t> ParseMemoryLimit(absl::string_view memory_max);

}  // namespace lora

#endif  // LORA_SERVER_BASE_MACHINE_H_
