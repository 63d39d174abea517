// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_BUDGET_H_
#define LORA_SERVER_TOKENIZER_JINJA_BUDGET_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lora::jinja {

// The error of a template that fails on its input, as an exception of Jinja
// would say it. INVALID_ARGUMENT (CHAT_TEMPLATE).
absl::Status Fail(absl::string_view message);

// The error of a construct outside the subset. UNIMPLEMENTED (CHAT_TEMPLATE).
absl::Status Unsupported(absl::string_view construct);

// What one render may use, so that no template can hang or fill the server.
// Not thread-safe: one render.
class Budget {
 public:
  // Each: RESOURCE_EXHAUSTED (CHAT_TEMPLATE) when it is used up.

  // Uses one step, and one more for every 64 of `size`: the bytes or elements
  // that the step walks over.
  absl::Status Step(size_t size = 0);
  // Uses the bytes of a text that is made.
  absl::Status Make(size_t num_bytes);

  // Nested evaluations: Enter before, Leave after, also when Enter failed.
  absl::Status Enter();
  void Leave() { --depth_; }

 private:
  int64_t steps_left_ = 4'000'000;
  int64_t bytes_left_ = int64_t{64} << 20;
  int depth_ = 0;
};

// How deep values, and how deep the nodes of a template, may be nested.
inline constexpr int kMaxNesting = 100;

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_BUDGET_H_
