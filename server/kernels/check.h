// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_CHECK_H_
#define LORA_SERVER_KERNELS_CHECK_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>

// A false condition is a broken invariant of the caller: the process prints
// where and why, and aborts.
#define LORA_CHECK(condition, message)                                        \
  do {                                                                        \
    if (!(condition)) {                                                       \
      ::lora::internal::CheckFailed(__FILE__, __LINE__, #condition, message); \
    }                                                                         \
  } while (false)

// `tensor` must be contiguous and of exactly this shape:
// LORA_CHECK_SHAPE(x, {rows, in_features}).
#define LORA_CHECK_SHAPE(tensor, ...)                                 \
  ::lora::internal::CheckShape({__FILE__, __LINE__, #tensor}, tensor, \
                               __VA_ARGS__)

namespace lora::internal {

// Where a check stands, and the tensor's name there.
struct ShapeCheck {
  const char* file;
  int line;
  const char* tensor;
};

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const char* message);

void CheckShape(const ShapeCheck& check, const at::Tensor& tensor,
                std::initializer_list<int64_t> expected);

}  // namespace lora::internal

#endif  // LORA_SERVER_KERNELS_CHECK_H_
