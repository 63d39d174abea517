// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_FINITE_CHECK_H_
#define LORA_SERVER_ADAPTER_FORMAT_FINITE_CHECK_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "server/tensorfile/dtype.h"

namespace lora {

// The index of the first value in `data` that is NaN or infinite, or would be
// as a float; nullopt: all are finite, as integers are. `data`: little endian,
// any alignment, whole elements.
std::optional<int64_t> FindNonFinite(absl::string_view data, Dtype dtype);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_FINITE_CHECK_H_
