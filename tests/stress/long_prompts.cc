// SPDX-License-Identifier: Apache-2.0
#include "tests/stress/long_prompts.h"

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

constexpr int kNumPrompts = 4;
// In bytes, which are tokens; the model's context is 256.
constexpr size_t kSharedBytes = 120;
constexpr size_t kPromptBytes = 180;
constexpr int32_t kAnswerTokens = 40;

// Words of the example, from `first` on, until the text is long enough.
std::string Words(size_t first, size_t num_bytes) {
  std::string text;
  for (size_t i = first; text.size() < num_bytes; ++i) {
    absl::StrAppend(&text, Skills::Get().words()[i], ">");
  }
  text.resize(num_bytes);
  return text;
}

}  // namespace

LongPrompts::LongPrompts() {
  const std::string shared = Words(0, kSharedBytes);
  for (int i = 0; i < kNumPrompts; ++i) {
    texts_.push_back(absl::StrCat(
        shared, Words(100 * (i + 1), kPromptBytes - kSharedBytes)));
  }
}

absl::StatusOr<LongPrompts> LongPrompts::Ask(Client& client) {
  LongPrompts prompts;
  LORA_RETURN_IF_ERROR(prompts.AskSkill(client, ""));
  for (const std::string& skill : Skills::Get().names()) {
    LORA_RETURN_IF_ERROR(
        client.LoadAdapter(LoadRequest(skill, skill)).status());
    LORA_RETURN_IF_ERROR(prompts.AskSkill(client, skill));
    LORA_RETURN_IF_ERROR(client.UnloadAdapter(UnloadRequest(skill)).status());
  }
  return prompts;
}

absl::Status LongPrompts::AskSkill(Client& client, const std::string& skill) {
  for (const std::string& text : texts_) {
    for (const v1::ExecutionPath path : {v1::UNMERGED, v1::MERGED}) {
      v1::GenerateRequest request;
      if (!skill.empty()) request.add_adapters()->set_adapter_id(skill);
      SetLongPrompt(text, request);
      request.set_path(path);
      LORA_ASSIGN_OR_RETURN(const v1::GenerateResponse answer,
                            client.GenerateText(request));
      answers_[{text, skill, path}] = answer.text();
    }
  }
  return absl::OkStatus();
}

void SetLongPrompt(const std::string& text, v1::GenerateRequest& request) {
  request.set_text(text);
  request.set_max_new_tokens(kAnswerTokens);
  request.set_ignore_eos(true);
}

}  // namespace lora
