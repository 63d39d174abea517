// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_TOKENIZER_CONFIG_H_
#define LORA_SERVER_TOKENIZER_TOKENIZER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/json.h"
#include "server/tokenizer/added_tokens.h"

namespace lora {

class SpecReader;

// What the files beside tokenizer.json say: tokenizer_config.json, or in older
// repositories special_tokens_map.json, and the files of chat templates. As in
// `transformers`, add_bos_token and add_eos_token say nothing where there is a
// tokenizer.json: its post-processor counts.
struct TokenizerConfig {
  // Reads the files of `directory`; an absent one says nothing.
  //
  // INVALID_ARGUMENT (BASE or CONFIG_SYNTAX): malformed.
  static absl::StatusOr<TokenizerConfig> Load(const std::string& directory);

  // bos_token, eos_token and the other named tokens, as far as they are set.
  std::vector<std::pair<std::string, std::string>> special_tokens;
  // Tokens that are added unless tokenizer.json has them: the special ones.
  std::vector<AddedToken> extra_tokens;
  // Tokens with the ids of "added_tokens_decoder", which overrule
  // tokenizer.json.
  std::vector<AddedToken> overriding_tokens;
  std::optional<std::string> chat_template;
  // For conversations with tools; unset: `chat_template` serves them as well.
  std::optional<std::string> tool_use_template;

 private:
  absl::Status ReadConfig(const Json& config);
  absl::Status ReadOverridingTokens(const SpecReader& reader);
  absl::Status ReadSpecialTokens(const SpecReader& reader);
  absl::Status ReadExtraTokens(const Json& list);
  absl::Status ReadChatTemplate(const Json& value);
  absl::Status ReadChatTemplateFiles(const std::string& directory);
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_TOKENIZER_CONFIG_H_
