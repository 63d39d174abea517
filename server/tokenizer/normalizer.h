// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_NORMALIZER_H_
#define LORA_SERVER_TOKENIZER_NORMALIZER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/json.h"

namespace lora {

// Rewrites a piece of text before it is cut into words. Immutable and
// thread-safe.
class Normalizer {
 public:
  // The normalizer that `spec` ("normalizer" of tokenizer.json) describes: NFC,
  // NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace or a Sequence of them;
  // null leaves every text as it is.
  //
  // UNIMPLEMENTED (BASE_FEATURE): another type, named in the message.
  // INVALID_ARGUMENT (BASE): malformed.
  static absl::StatusOr<std::unique_ptr<const Normalizer>> Parse(
      const Json& spec);

  virtual ~Normalizer() = default;

  // `text`, valid UTF-8, rewritten.
  //
  // INVALID_ARGUMENT (INPUT): a regular expression gave up on the text.
  virtual absl::StatusOr<std::string> Normalize(std::string text) const = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_NORMALIZER_H_
