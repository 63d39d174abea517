// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/kernel_context.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace lora {
namespace {

// A cache line, and the widest vector.
constexpr size_t kAlignment = 64;

}  // namespace

void KernelContext::FreeDeleter::operator()(void* memory) const {
  std::free(memory);
}

void* KernelContext::Scratch(size_t bytes) {
  if (bytes > scratch_bytes_) {
    // Doubling keeps a slowly growing batch from allocating at every step.
    const size_t wanted = std::max(bytes, 2 * scratch_bytes_);
    const size_t rounded = (wanted + kAlignment - 1) / kAlignment * kAlignment;
    scratch_.reset();
    scratch_bytes_ = 0;
    scratch_.reset(std::aligned_alloc(kAlignment, rounded));
    if (scratch_ == nullptr) throw std::bad_alloc();
    scratch_bytes_ = rounded;
  }
  return scratch_.get();
}

}  // namespace lora
