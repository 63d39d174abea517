// SPDX-License-Identifier: Apache-2.0
#include "server/base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace lora {
namespace {

// A control group's file: short, and of no size that could be asked for.
// Empty: it cannot be read.
std::string ReadControlFile(const char* path) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return "";
  char text[64];
  const size_t length = std::fread(text, 1, sizeof(text), file);
  std::fclose(file);
  return std::string(text, length);
}

}  // namespace

std::optional<int> ParseCpuQuota(absl::string_view cpu_max) {
  const std::vector<absl::string_view> fields =
      absl::StrSplit(cpu_max, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  int64_t quota = 0;
  int64_t period = 0;
  if (fields.size() != 2 || !absl::SimpleAtoi(fields[0], &quota) ||
      !absl::SimpleAtoi(fields[1], &period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return static_cast<int>(std::max<int64_t>(1, quota / period));
}

std::optional<int64_t> ParseMemoryLimit(absl::string_view memory_max) {
  int64_t bytes = 0;
  if (!absl::SimpleAtoi(memory_max, &bytes) || bytes <= 0) return std::nullopt;
  return bytes;
}

int AvailableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = 1;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = CPU_COUNT(&set);
  const std::optional<int> quota =
      ParseCpuQuota(ReadControlFile("/sys/fs/cgroup/cpu.max"));
  if (quota.has_value()) cpus = std::min(cpus, *quota);
  return std::max(1, cpus);
}

int64_t AvailableMemoryBytes() {
  int64_t bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  const std::optional<int64_t> limit =
      ParseMemoryLimit(ReadControlFile("/sys/fs/cgroup/memory.max"));
  if (limit.has_value()) bytes = std::min(bytes, *limit);
  return bytes;
}

}  // namespace lora
