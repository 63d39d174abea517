// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_POST_PROCESSOR_H_
#define LORA_SERVER_TOKENIZER_POST_PROCESSOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/json.h"

namespace lora {

// Puts a model's special tokens around a prompt. Immutable and thread-safe.
class PostProcessor {
 public:
  // The post-processor that `spec` ("post_processor" of tokenizer.json)
  // describes: TemplateProcessing, ByteLevel or a Sequence of them; null adds
  // nothing. Only what concerns a single text is kept.
  //
  // UNIMPLEMENTED (BASE_FEATURE): another type, named in the message.
  // INVALID_ARGUMENT (BASE): malformed; a special token that is not declared.
  static absl::StatusOr<PostProcessor> Parse(const Json& spec);

  // `ids` with the special tokens before and after them.
  std::vector<int32_t> WithSpecialTokens(std::vector<int32_t> ids) const;

 private:
  PostProcessor() = default;

  absl::Status ParseTemplate(const Json& spec);

  std::vector<int32_t> prefix_;
  std::vector<int32_t> suffix_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_POST_PROCESSOR_H_
