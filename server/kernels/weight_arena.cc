// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/weight_arena.h"

#include <ATen/ops/empty.h>
#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "server/base/status_macros.h"
#include "server/kernels/check.h"
#include "server/kernels/torch_status.h"

namespace lora {
namespace {

// Asks for huge pages where the whole of them lies inside, so that the block
// takes no byte more.
void AdviseHugePages(void* data, int64_t bytes) {
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const uintptr_t address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (address + bytes) / kHugePage * kHugePage;
  // Advice only: a kernel without huge pages refuses, and nothing is lost.
  if (begin < end) {
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  }
}

}  // namespace

WeightArena::WeightArena(at::Tensor block, at::Device device)
    : block_(std::move(block)), device_(device) {}

absl::StatusOr<WeightArena> WeightArena::Create(int64_t bytes,
                                                at::Device device) {
  at::Tensor block;
  if (device.is_cpu()) {
    LORA_RETURN_IF_ERROR(TorchGuard([&] {
      block = at::empty({bytes}, at::dtype(at::kByte));
      AdviseHugePages(block.mutable_data_ptr(), bytes);
      return absl::OkStatus();
    }));
  }
  return WeightArena(std::move(block), device);
}

at::Tensor WeightArena::Take(int64_t num_elements, at::ScalarType dtype) {
  if (!block_.defined()) {
    return at::empty({num_elements}, at::dtype(dtype).device(device_));
  }
  const int64_t begin = used_;
  used_ += num_elements * static_cast<int64_t>(c10::elementSize(dtype));
  LORA_CHECK(used_ <= block_.numel(), "more is taken than the arena has");
  return block_.slice(0, begin, used_).view(dtype);
}

}  // namespace lora
