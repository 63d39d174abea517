// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/tokenizer_parts.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/spec_reader.h"
#include "server/tokenizer/tokenizer_config.h"

namespace lora {
namespace {

constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

// Gathers the added tokens of all files; the content of a token is its name.
class AddedTokenCollector {
 public:
  explicit AddedTokenCollector(const BpeModel& model) : model_(model) {}

  // Adds `token`, or replaces the one of the same content. A content that the
  // model's vocabulary has keeps that id.
  void Add(AddedToken token) {
    if (token.content.empty()) return;
    if (const auto known = model_.TokenId(token.content)) token.id = *known;
    next_id_ = std::max(next_id_, token.id + 1);
    const auto [it, added] = index_.try_emplace(token.content, tokens_.size());
    if (added) {
      tokens_.push_back(std::move(token));
    } else {
      token.id = tokens_[it->second].id;
      tokens_[it->second] = std::move(token);
    }
  }

  // Adds `token` with the next free id unless its content is known.
  void AddNew(AddedToken token) {
    if (index_.contains(token.content)) return;
    token.id = std::max(next_id_, model_.max_id() + 1);
    Add(std::move(token));
  }

  std::vector<AddedToken> Take() && { return std::move(tokens_); }

 private:
  const BpeModel& model_;
  int32_t next_id_ = 0;
  std::vector<AddedToken> tokens_;
  absl::flat_hash_map<std::string, size_t> index_;
};

absl::StatusOr<std::vector<AddedToken>> CollectAddedTokens(
    const SpecReader& reader, const TokenizerConfig& config,
    const BpeModel& model) {
  AddedTokenCollector collector(model);
  if (reader.Find("added_tokens") != nullptr) {
    LORA_ASSIGN_OR_RETURN(const Json* specs, reader.Array("added_tokens"));
    for (const Json& spec : *specs) {
      LORA_ASSIGN_OR_RETURN(AddedToken token, AddedToken::Parse(spec));
      LORA_ASSIGN_OR_RETURN(const SpecReader token_reader,
                            SpecReader::Open(spec, "an added token"));
      LORA_ASSIGN_OR_RETURN(token.id, token_reader.Id("id"));
      collector.Add(std::move(token));
    }
  }
  for (const AddedToken& token : config.overriding_tokens) {
    collector.Add(token);
  }
  for (const AddedToken& token : config.extra_tokens) collector.AddNew(token);
  return std::move(collector).Take();
}

absl::StatusOr<TokenizerParts> BuildParts(const Json& json,
                                          const TokenizerConfig& config) {
  LORA_ASSIGN_OR_RETURN(const SpecReader reader,
                        SpecReader::Open(json, "the file"));
  const Json null;
  const auto section = [&](absl::string_view name) -> const Json& {
    const Json* found = reader.Find(name);
    return found == nullptr ? null : *found;
  };
  LORA_ASSIGN_OR_RETURN(auto normalizer,
                        Normalizer::Parse(section("normalizer")));
  LORA_ASSIGN_OR_RETURN(auto pre_tokenizer,
                        PreTokenizer::Parse(section("pre_tokenizer")));
  LORA_ASSIGN_OR_RETURN(auto model, BpeModel::Parse(section("model")));
  LORA_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Parse(section("decoder")));
  LORA_ASSIGN_OR_RETURN(std::vector<AddedToken> added,
                        CollectAddedTokens(reader, config, *model));
  LORA_ASSIGN_OR_RETURN(AddedTokens added_tokens,
                        AddedTokens::Build(std::move(added), *normalizer));
  LORA_ASSIGN_OR_RETURN(PostProcessor post_processor,
                        PostProcessor::Parse(section("post_processor")));
  const auto make_template = [&](const std::optional<std::string>& source) {
    return source.has_value() ? std::make_unique<const ChatTemplate>(
                                    *source, config.special_tokens)
                              : nullptr;
  };
  return TokenizerParts{
      .normalizer = std::move(normalizer),
      .added_tokens = std::move(added_tokens),
      .pre_tokenizer = std::move(pre_tokenizer),
      .model = std::move(model),
      .post_processor = std::move(post_processor),
      .decoder = std::move(decoder),
      .chat_template = make_template(config.chat_template),
      .tool_use_template = make_template(config.tool_use_template)};
}

}  // namespace

absl::StatusOr<TokenizerParts> TokenizerParts::Load(
    const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/tokenizer.json");
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxTokenizerBytes);
  if (absl::IsNotFound(text.status())) {
    return Error(absl::StatusCode::kNotFound, ErrorReason::kBase,
                 absl::StrCat("there is no ", path,
                              "; a model directory needs a tokenizer.json"));
  }
  LORA_RETURN_IF_ERROR(text.status());
  const absl::StatusOr<Json> json =
      ParseJson(*text, {.max_bytes = static_cast<size_t>(kMaxTokenizerBytes)});
  if (!json.ok()) return Annotate(json.status(), path);
  LORA_ASSIGN_OR_RETURN(const TokenizerConfig config,
                        TokenizerConfig::Load(directory));
  absl::StatusOr<TokenizerParts> parts = BuildParts(*json, config);
  if (!parts.ok()) return Annotate(parts.status(), path);
  return parts;
}

}  // namespace lora
