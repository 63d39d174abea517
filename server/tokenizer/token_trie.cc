// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/token_trie.h"

namespace lora {
namespace {

uint64_t EdgeKey(int32_t node, char byte) {
  return static_cast<uint64_t>(node) << 8 | static_cast<uint8_t>(byte);
}

}  // namespace

TokenTrie::TokenTrie() : values_(1) {}

void TokenTrie::Add(absl::string_view text, int32_t value) {
  if (text.empty()) return;
  begins_[static_cast<uint8_t>(text[0])] = true;
  int32_t node = 0;
  for (const char byte : text) {
    const auto [it, added] = edges_.try_emplace(
        EdgeKey(node, byte), static_cast<int32_t>(values_.size()));
    if (added) values_.emplace_back();
    node = it->second;
  }
  if (!values_[node].has_value()) values_[node] = value;
}

std::optional<TokenTrie::Match> TokenTrie::Find(absl::string_view text,
                                                size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!begins_[static_cast<uint8_t>(text[begin])]) continue;
    if (const std::optional<Match> match = LongestAt(text, begin)) return match;
  }
  return std::nullopt;
}

std::optional<TokenTrie::Match> TokenTrie::LongestAt(absl::string_view text,
                                                     size_t begin) const {
  std::optional<Match> longest;
  int32_t node = 0;
  for (size_t end = begin; end < text.size();) {
    const auto it = edges_.find(EdgeKey(node, text[end]));
    if (it == edges_.end()) break;
    node = it->second;
    ++end;
    if (values_[node].has_value()) longest = {begin, end, *values_[node]};
  }
  return longest;
}

}  // namespace lora
