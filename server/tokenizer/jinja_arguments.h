// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_ARGUMENTS_H_
#define LORA_SERVER_TOKENIZER_JINJA_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/tokenizer/jinja_value.h"

namespace lora::jinja {

// The arguments of a call by the names of its parameters.
//
// A view: the arguments and the names must outlive it. Not thread-safe.
class BoundArguments {
 public:
  // `parameters` are the names, in the order of positional arguments.
  //
  // INVALID_ARGUMENT (CHAT_TEMPLATE): more positional arguments than names,
  // or a named one that is no parameter or is given twice.
  static absl::StatusOr<BoundArguments> Bind(
      const Arguments& arguments,
      absl::Span<const absl::string_view> parameters);

  // nullptr: not given.
  const Value* Find(absl::string_view parameter) const;

  // Each: the argument, or nullopt if it is not given or None.
  //
  // INVALID_ARGUMENT (CHAT_TEMPLATE): it is of another kind.
  absl::StatusOr<std::optional<std::string>> Text(
      absl::string_view parameter) const;
  absl::StatusOr<std::optional<int64_t>> Int(absl::string_view parameter) const;

  // As Text. INVALID_ARGUMENT (CHAT_TEMPLATE): not given.
  absl::StatusOr<std::string> RequiredText(absl::string_view parameter) const;
  // Python's truth of the argument; false if it is not given.
  bool IsTrue(absl::string_view parameter) const;

 private:
  explicit BoundArguments(absl::Span<const absl::string_view> parameters)
      : parameters_(parameters), values_(parameters.size(), nullptr) {}

  absl::Span<const absl::string_view> parameters_;
  std::vector<const Value*> values_;  // By parameter; null: not given.
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_ARGUMENTS_H_
