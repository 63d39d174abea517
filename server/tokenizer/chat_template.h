// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_CHAT_TEMPLATE_H_
#define LORA_SERVER_TOKENIZER_CHAT_TEMPLATE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/json.h"

namespace lora {

namespace jinja {
class Template;
}  // namespace jinja

struct ChatMessage {
  std::string role;
  std::string content;
};

struct ChatRequest {
  std::vector<ChatMessage> messages;
  // Further variables of the template ("tools", "enable_thinking"): an object.
  Json template_kwargs = Json::object();
  // Whether to end with the head of the assistant's answer.
  bool add_generation_prompt = false;
  // What strftime_now says, in the local time zone.
  absl::Time now = absl::Now();
};

// A model's chat template: the Jinja2 source that makes one prompt of a
// conversation, in the subset and with the settings of `transformers`.
//
// A render is bounded in steps, depth and bytes, so that no template can hang
// the server. Immutable and thread-safe.
class ChatTemplate {
 public:
  // `variables` are seen by the template beside the request's: bos_token and
  // the like. A source that does not parse is kept as its error.
  ChatTemplate(absl::string_view source,
               std::vector<std::pair<std::string, std::string>> variables);
  ~ChatTemplate();

  // OK, or why every Render fails.
  const absl::Status& status() const { return status_; }

  // The prompt of `request`.
  //
  // UNIMPLEMENTED (CHAT_TEMPLATE): the template uses a construct that is not
  // in the subset; the message names it and its line. INVALID_ARGUMENT
  // (CHAT_TEMPLATE): the template refuses the conversation (raise_exception)
  // or fails on it, or is malformed. INVALID_ARGUMENT (INPUT): a message is
  // not UTF-8; `template_kwargs` is not an object, or it names a field of the
  // request. RESOURCE_EXHAUSTED (CHAT_TEMPLATE): a bound was reached.
  absl::StatusOr<std::string> Render(const ChatRequest& request) const;

 private:
  const std::vector<std::pair<std::string, std::string>> variables_;
  std::unique_ptr<const jinja::Template> template_;  // Null unless status_ ok.
  absl::Status status_;
};

}  // namespace lora

#endif  // LORA_SERVER_TOKENIZER_CHAT_TEMPLATE_H_
