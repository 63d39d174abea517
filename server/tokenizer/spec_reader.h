// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_SPEC_READER_H_
#define LORA_SERVER_TOKENIZER_SPEC_READER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"

namespace lora {

// Reads the fields of one JSON object of a tokenizer file with their types
// checked. `what` names the object in messages ("pre_tokenizer Split").
//
// A view: the object must outlive it. Thread-safe.
class SpecReader {
 public:
  // INVALID_ARGUMENT (BASE): `spec` is not an object.
  static absl::StatusOr<SpecReader> Open(const Json& spec,
                                         absl::string_view what);

  // The member `name`; nullptr where it is absent or null.
  const Json* Find(absl::string_view name) const;

  // Each: INVALID_ARGUMENT (BASE) when the member is absent or has another
  // type.
  absl::StatusOr<const Json*> Array(absl::string_view name) const;
  absl::StatusOr<const Json*> Object(absl::string_view name) const;
  absl::StatusOr<std::string> String(absl::string_view name) const;
  absl::StatusOr<int32_t> Id(absl::string_view name) const;
  absl::StatusOr<bool> Bool(absl::string_view name) const;

  // Each: as above, but an absent or null member gives the fallback.
  absl::StatusOr<bool> BoolOr(absl::string_view name, bool fallback) const;
  absl::StatusOr<std::optional<std::string>> OptionalString(
      absl::string_view name) const;

  const std::string& what() const { return what_; }

  // The error of the member `name`.
  absl::Status FieldError(absl::string_view name,
                          absl::string_view expected) const;

 private:
  SpecReader(const Json& spec, absl::string_view what)
      : spec_(spec), what_(what) {}

  const Json& spec_;
  std::string what_;
};

// A token id from JSON: a whole number in [0, 2^24), above every vocabulary.
std::optional<int32_t> AsTokenId(const Json& value);

// The error for a component of a kind that this server does not have.
absl::Status UnsupportedComponent(absl::string_view section,
                                  absl::string_view type);

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_SPEC_READER_H_
