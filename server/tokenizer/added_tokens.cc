// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/tokenizer/spec_reader.h"
#include "server/tokenizer/unicode.h"

namespace lora {
namespace {

bool StandsAlone(absl::string_view text, size_t begin, size_t end) {
  return (begin == 0 ||
          !IsWordCharacter(LastCharacter(text.substr(0, begin)))) &&
         (end == text.size() ||
          !IsWordCharacter(FirstCharacter(text.substr(end))));
}

}  // namespace

absl::StatusOr<AddedToken> AddedToken::Parse(const Json& spec) {
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(spec, "an added token"));
  AddedToken token;
  LORA_ASSIGN_OR_RETURN(token.content, reader.String("content"));
  LORA_ASSIGN_OR_RETURN(token.single_word, reader.BoolOr("single_word", false));
  LORA_ASSIGN_OR_RETURN(token.lstrip, reader.BoolOr("lstrip", false));
  LORA_ASSIGN_OR_RETURN(token.rstrip, reader.BoolOr("rstrip", false));
  LORA_ASSIGN_OR_RETURN(token.special, reader.BoolOr("special", false));
  LORA_ASSIGN_OR_RETURN(token.normalized,
                        reader.BoolOr("normalized", !token.special));
  return token;
}

absl::StatusOr<AddedTokens> AddedTokens::Build(std::vector<AddedToken> tokens,
                                               const Normalizer& normalizer) {
  AddedTokens added;
  added.tokens_ = std::move(tokens);
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    const AddedToken& token = added.tokens_[i];
    const auto index = static_cast<int32_t>(i);
    added.index_by_id_.insert_or_assign(token.id, index);
    added.index_by_content_.insert_or_assign(token.content, index);
    std::string searched = token.content;
    if (token.normalized) {
      LORA_ASSIGN_OR_RETURN(searched,
                            normalizer.Normalize(std::move(searched)));
    }
    (token.normalized ? added.normalized_ : added.raw_).Add(searched, index);
    added.decoder_inputs_.push_back(std::move(searched));
  }
  return added;
}

absl::StatusOr<std::vector<InputPart>> AddedTokens::Split(
    absl::string_view text, const Normalizer& normalizer) const {
  std::vector<InputPart> raw_parts;
  Cut({.text = std::string(text), .begins_input = true}, raw_, raw_parts);
  std::vector<InputPart> parts;
  for (InputPart& part : raw_parts) {
    if (part.token_id.has_value()) {
      parts.push_back(std::move(part));
      continue;
    }
    LORA_ASSIGN_OR_RETURN(part.piece.text,
                          normalizer.Normalize(std::move(part.piece.text)));
    Cut(part.piece, normalized_, parts);
  }
  return parts;
}

void AddedTokens::Cut(const TextPiece& piece, const TokenTrie& trie,
                      std::vector<InputPart>& parts) const {
  const absl::string_view text = piece.text;
  size_t covered = 0;
  const auto add = [&](size_t begin, size_t end, std::optional<int32_t> id) {
    if (begin == end) return;
    parts.push_back(
        {.piece = {.text = std::string(text.substr(begin, end - begin)),
                   .begins_input = piece.begins_input && begin == 0},
         .token_id = id});
  };
  size_t search_from = 0;
  while (const std::optional<TokenTrie::Match> match =
             trie.Find(text, search_from)) {
    search_from = match->end;
    const AddedToken& token = tokens_[match->value];
    if (token.single_word && !StandsAlone(text, match->begin, match->end)) {
      continue;
    }
    size_t begin = match->begin;
    size_t end = match->end;
    if (token.lstrip) {
      begin -= TrailingWhiteSpace(text.substr(0, begin));
      begin = std::max(begin, covered);
    }
    if (token.rstrip) end += LeadingWhiteSpace(text.substr(end));
    if (covered < begin) add(covered, begin, std::nullopt);
    add(begin, end, token.id);
    covered = end;
  }
  add(covered, text.size(), std::nullopt);
}

const AddedToken* AddedTokens::Find(int32_t id) const {
  const auto it = index_by_id_.find(id);
  return it == index_by_id_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::Find(absl::string_view content) const {
  const auto it = index_by_content_.find(content);
  return it == index_by_content_.end() ? nullptr : &tokens_[it->second];
}

absl::string_view AddedTokens::DecoderInput(const AddedToken& token) const {
  return decoder_inputs_[&token - tokens_.data()];
}

int32_t AddedTokens::max_id() const {
  int32_t max = -1;
  for (const AddedToken& token : tokens_) max = std::max(max, token.id);
  return max;
}

}  // namespace lora
