// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_KERNELS_MEMORY_METER_H_
#define LORA_TESTS_UNIT_KERNELS_MEMORY_METER_H_

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace lora {

// The memory of CPU tensors that this thread has allocated since the meter was
// made. The innermost of several meters counts.
class MemoryMeter {
 public:
  // At most at one time.
  int64_t peak_bytes() const { return usage_->peak; }

 private:
  struct Usage final : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void*, int64_t size, size_t, size_t,
                           c10::Device) override {
      bytes += size;
      peak = std::max(peak, bytes);
    }
    bool memoryProfilingEnabled() const override { return true; }

    int64_t bytes = 0;
    int64_t peak = 0;
  };

  const std::shared_ptr<Usage> usage_ = std::make_shared<Usage>();
  const c10::DebugInfoGuard guard_{c10::DebugInfoKind::PROFILER_STATE, usage_};
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_KERNELS_MEMORY_METER_H_
