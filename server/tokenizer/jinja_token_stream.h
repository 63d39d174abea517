// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_TOKENIZER_JINJA_TOKEN_STREAM_H_
#define LORA_SERVER_TOKENIZER_JINJA_TOKEN_STREAM_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tokenizer/jinja_lexer.h"

namespace lora::jinja {

// The tokens of a template with a position that only moves forward. Not
// thread-safe.
class TokenStream {
 public:
  // `tokens` ends with kEnd.
  explicit TokenStream(std::vector<Token> tokens);

  const Token& current() const { return tokens_[position_]; }
  const Token& next() const;
  int line() const { return current().line; }
  // The current token; the stream moves on, but never past kEnd.
  Token Take();

  bool At(TokenKind kind) const { return current().kind == kind; }
  bool AtOperator(absl::string_view text) const;
  bool AtName(absl::string_view text) const;

  // Takes the current token if it is this; returns whether it was.
  bool TryOperator(absl::string_view text);
  bool TryName(absl::string_view text);

  // Takes the current token, which has to be this.
  //
  // INVALID_ARGUMENT (CHAT_TEMPLATE): it is another.
  absl::Status Expect(TokenKind kind);
  absl::Status ExpectOperator(absl::string_view text);
  absl::Status ExpectName(absl::string_view text);
  absl::StatusOr<std::string> ExpectAnyName();

  // INVALID_ARGUMENT and UNIMPLEMENTED (CHAT_TEMPLATE) with the line.
  absl::Status SyntaxError(absl::string_view expected) const;
  absl::Status UnsupportedHere(absl::string_view construct) const;

 private:
  std::vector<Token> tokens_;
  size_t position_ = 0;
};

}  // namespace lora::jinja

#endif  // LORA_SERVER_TOKENIZER_JINJA_TOKEN_STREAM_H_
