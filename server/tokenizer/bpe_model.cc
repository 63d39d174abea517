// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/bpe_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/spec_reader.h"
#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

constexpr int kNumBytes = 256;

absl::Status Malformed(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kBase,
               absl::StrCat("model BPE: ", message));
}

// The two parts of a merge: ["a", "b"], or "a b" in older files.
absl::StatusOr<std::pair<absl::string_view, absl::string_view>> ReadPair(
    const Json& merge, int32_t rank) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
      merge[1].is_string()) {
    return std::make_pair(
        absl::string_view(merge[0].get_ref<const std::string&>()),
        absl::string_view(merge[1].get_ref<const std::string&>()));
  }
  if (merge.is_string()) {
    const absl::string_view line = merge.get_ref<const std::string&>();
    const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
    if (parts.size() == 2) return std::make_pair(parts[0], parts[1]);
  }
  return Malformed(absl::StrCat("merge ", rank,
                                " is neither two strings nor a string with "
                                "one space"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<const BpeModel>> BpeModel::Parse(
    const Json& spec) {
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(spec, "model"));
  // Older files leave the type out; their models are BPE if they have merges.
  LORA_ASSIGN_OR_RETURN(const std::optional<std::string> type,
                        reader.OptionalString("type"));
  if (type.value_or("BPE") != "BPE") {
    return UnsupportedComponent("a model", *type);
  }
  std::unique_ptr<BpeModel> model(new BpeModel());
  LORA_RETURN_IF_ERROR(model->ReadOptions(reader));
  LORA_RETURN_IF_ERROR(model->ReadVocabulary(reader));
  LORA_RETURN_IF_ERROR(model->ReadMerges(reader));
  LORA_RETURN_IF_ERROR(model->InitUnknownRule(reader));
  return model;
}

absl::Status BpeModel::ReadOptions(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(std::optional<std::string> prefix,
                        reader.OptionalString("continuing_subword_prefix"));
  LORA_ASSIGN_OR_RETURN(std::optional<std::string> suffix,
                        reader.OptionalString("end_of_word_suffix"));
  continuing_subword_prefix_ = std::move(prefix).value_or("");
  end_of_word_suffix_ = std::move(suffix).value_or("");
  LORA_ASSIGN_OR_RETURN(ignore_merges_, reader.BoolOr("ignore_merges", false));
  return absl::OkStatus();
}

absl::Status BpeModel::ReadVocabulary(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(const Json* vocab, reader.Object("vocab"));
  ids_.reserve(vocab->size());
  for (const auto& [token, value] : vocab->items()) {
    const std::optional<int32_t> id = AsTokenId(value);
    if (!id.has_value()) {
      return Malformed(absl::StrCat("the vocabulary gives \"", token,
                                    "\" no valid token id"));
    }
    if (*id >= static_cast<int32_t>(tokens_.size())) tokens_.resize(*id + 1);
    tokens_[*id] = token;
    ids_.emplace(token, *id);
  }
  return absl::OkStatus();
}

absl::Status BpeModel::ReadMerges(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(const Json* merges, reader.Array("merges"));
  merges_.Reserve(merges->size());
  int32_t rank = 0;
  for (const Json& merge : *merges) {
    if (merge.is_string() &&
        absl::StartsWith(merge.get_ref<const std::string&>(), "#version")) {
      continue;
    }
    LORA_ASSIGN_OR_RETURN(const auto pair, ReadPair(merge, rank));
    LORA_RETURN_IF_ERROR(AddMerge(pair.first, pair.second, rank++));
  }
  return absl::OkStatus();
}

absl::Status BpeModel::AddMerge(absl::string_view left, absl::string_view right,
                                int32_t rank) {
  const std::optional<int32_t> left_id = TokenId(left);
  const std::optional<int32_t> right_id = TokenId(right);
  if (!left_id.has_value() || !right_id.has_value()) {
    return Malformed(absl::StrCat(
        "merge ", rank, " joins \"", left, "\" and \"", right, "\", but \"",
        left_id.has_value() ? right : left, "\" is not in the vocabulary"));
  }
  const size_t prefix = continuing_subword_prefix_.size();
  if (right.size() < prefix) {
    return Malformed(absl::StrCat("merge ", rank, ": \"", right,
                                  "\" lacks the prefix \"",
                                  continuing_subword_prefix_, "\""));
  }
  const std::string joined = absl::StrCat(left, right.substr(prefix));
  const std::optional<int32_t> result = TokenId(joined);
  if (!result.has_value()) {
    return Malformed(absl::StrCat("merge ", rank, " gives \"", joined,
                                  "\", which is not in the vocabulary"));
  }
  merges_.Add(*left_id, *right_id, rank, *result);
  return absl::OkStatus();
}

absl::Status BpeModel::InitUnknownRule(const SpecReader& reader) {
  LORA_ASSIGN_OR_RETURN(unknown_.token, reader.OptionalString("unk_token"));
  if (unknown_.token.has_value()) unknown_.id = TokenId(*unknown_.token);
  LORA_ASSIGN_OR_RETURN(unknown_.fuse, reader.BoolOr("fuse_unk", false));
  LORA_ASSIGN_OR_RETURN(const bool byte_fallback,
                        reader.BoolOr("byte_fallback", false));
  for (int byte = 0; byte_fallback && byte < kNumBytes; ++byte) {
    unknown_.bytes.push_back(TokenId(absl::StrFormat("<0x%02X>", byte)));
  }
  return absl::OkStatus();
}

absl::Status BpeModel::Tokenize(absl::string_view word, BpeWorkspace& workspace,
                                std::vector<int32_t>& ids) const {
  if (word.empty()) return absl::OkStatus();
  if (ignore_merges_) {
    if (const std::optional<int32_t> id = TokenId(word)) {
      ids.push_back(*id);
      return absl::OkStatus();
    }
  }
  workspace.Clear();
  LORA_RETURN_IF_ERROR(SplitCharacters(word, workspace));
  merges_.Apply(workspace);
  workspace.CopyTo(ids);
  return absl::OkStatus();
}

absl::Status BpeModel::SplitCharacters(absl::string_view word,
                                       BpeWorkspace& workspace) const {
  const absl::string_view whole = word;
  std::string decorated;
  // An unknown token waits for the next known one, which later unknown
  // characters may join; byte tokens overtake it.
  bool unknown_waits = false;
  while (!word.empty()) {
    absl::string_view character = word.substr(0, ReadUtf8(word).length);
    const bool is_first = word.size() == whole.size();
    word.remove_prefix(character.size());
    if ((!is_first && !continuing_subword_prefix_.empty()) ||
        (word.empty() && !end_of_word_suffix_.empty())) {
      decorated =
          absl::StrCat(is_first ? "" : continuing_subword_prefix_, character,
                       word.empty() ? end_of_word_suffix_ : "");
      character = decorated;
    }
    if (const std::optional<int32_t> id = TokenId(character)) {
      if (std::exchange(unknown_waits, false)) workspace.Append(*unknown_.id);
      workspace.Append(*id);
      continue;
    }
    if (AppendBytes(character, workspace) || !unknown_.token.has_value()) {
      continue;
    }
    if (!unknown_.id.has_value()) {
      return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kInput,
                   absl::StrCat("the vocabulary has no token for \"", character,
                                "\" nor the unknown token \"", *unknown_.token,
                                "\"; leave the character out"));
    }
    if (unknown_waits && !unknown_.fuse) workspace.Append(*unknown_.id);
    unknown_waits = true;
  }
  if (unknown_waits) workspace.Append(*unknown_.id);
  return absl::OkStatus();
}

// Appends the byte tokens of `character` if the vocabulary has all of them.
bool BpeModel::AppendBytes(absl::string_view character,
                           BpeWorkspace& workspace) const {
  if (unknown_.bytes.empty()) return false;
  const auto token = [this](char c) -> const std::optional<int32_t>& {
    return unknown_.bytes[static_cast<uint8_t>(c)];
  };
  if (!std::all_of(character.begin(), character.end(),
                   [&](char c) { return token(c).has_value(); })) {
    return false;
  }
  for (const char c : character) workspace.Append(*token(c));
  return true;
}

std::optional<int32_t> BpeModel::TokenId(absl::string_view token) const {
  const auto it = ids_.find(token);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

std::optional<absl::string_view> BpeModel::Token(int32_t id) const {
  if (id < 0 || id > max_id()) return std::nullopt;
  const std::string& token = tokens_[id];
  // The empty string is a token of some vocabularies.
  if (token.empty() && TokenId("") != id) return std::nullopt;
  return token;
}

}  // namespace lora
