// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_token_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/tokenizer/jinja_budget.h"

namespace lora::jinja {
namespace {

std::string Describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::kText:
      return "text";
    case TokenKind::kPrintBegin:
      return "\"{{\"";
    case TokenKind::kPrintEnd:
      return "\"}}\"";
    case TokenKind::kBlockBegin:
      return "\"{%\"";
    case TokenKind::kBlockEnd:
      return "\"%}\"";
    case TokenKind::kName:
      return "a name";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return "a number";
    case TokenKind::kOperator:
      return "an operator";
    case TokenKind::kEnd:
      return "the end of the template";
  }
  return "something";
}

}  // namespace

TokenStream::TokenStream(std::vector<Token> tokens)
    : tokens_(std::move(tokens)) {}

const Token& TokenStream::next() const {
  return tokens_[std::min(position_ + 1, tokens_.size() - 1)];
}

Token TokenStream::Take() {
  Token token = current();
  if (token.kind != TokenKind::kEnd) ++position_;
  return token;
}

bool TokenStream::AtOperator(absl::string_view text) const {
  return At(TokenKind::kOperator) && current().text == text;
}

bool TokenStream::AtName(absl::string_view text) const {
  return At(TokenKind::kName) && current().text == text;
}

bool TokenStream::TryOperator(absl::string_view text) {
  if (!AtOperator(text)) return false;
  Take();
  return true;
}

bool TokenStream::TryName(absl::string_view text) {
  if (!AtName(text)) return false;
  Take();
  return true;
}

absl::Status TokenStream::Expect(TokenKind kind) {
  if (!At(kind)) return SyntaxError(Describe(kind));
  Take();
  return absl::OkStatus();
}

absl::Status TokenStream::ExpectOperator(absl::string_view text) {
  if (TryOperator(text)) return absl::OkStatus();
  return SyntaxError(absl::StrCat("\"", text, "\""));
}

absl::Status TokenStream::ExpectName(absl::string_view text) {
  if (TryName(text)) return absl::OkStatus();
  return SyntaxError(absl::StrCat("\"", text, "\""));
}

absl::StatusOr<std::string> TokenStream::ExpectAnyName() {
  if (!At(TokenKind::kName)) return SyntaxError("a name");
  return Take().text;
}

absl::Status TokenStream::SyntaxError(absl::string_view expected) const {
  const bool has_text = At(TokenKind::kName) || At(TokenKind::kOperator) ||
                        At(TokenKind::kString);
  return Fail(absl::StrCat("chat template, line ", line(), ": found ",
                           has_text ? absl::StrCat("\"", current().text, "\"")
                                    : Describe(current().kind),
                           " where ", expected, " was expected"));
}

absl::Status TokenStream::UnsupportedHere(absl::string_view construct) const {
  return Annotate(Unsupported(construct),
                  absl::StrCat("chat template, line ", line()));
}

}  // namespace lora::jinja
