// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/jinja_lexer.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/jinja_budget.h"
#include "server/tokenizer/jinja_string_literal.h"
#include "server/tokenizer/jinja_text.h"

namespace lora::jinja {
namespace {

constexpr absl::string_view kOperators[] = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool IsNameByte(char c) {
  return absl::ascii_isalnum(c) || c == '_' || !absl::ascii_isascii(c);
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  absl::StatusOr<std::vector<Token>> Run() && {
    while (position_ < source_.size()) LORA_RETURN_IF_ERROR(TextAndTag());
    tokens_.push_back({TokenKind::kEnd, "", line_});
    return std::move(tokens_);
  }

 private:
  absl::string_view Rest() const {
    return absl::string_view(source_).substr(position_);
  }

  absl::Status SyntaxError(absl::string_view message) const {
    return Fail(absl::StrCat("chat template, line ", line_, ": ", message));
  }

  void Advance(size_t length) {
    const absl::string_view skipped = Rest().substr(0, length);
    line_ += static_cast<int>(std::count(skipped.begin(), skipped.end(), '\n'));
    at_line_start_ = absl::EndsWith(skipped, "\n");
    position_ += length;
  }

  // Reads up to the next tag, and the tag.
  absl::Status TextAndTag() {
    size_t begin = position_;
    do {
      begin = source_.find('{', begin);
      if (begin == std::string::npos) {
        AddText(Rest());
        Advance(Rest().size());
        return absl::OkStatus();
      }
      ++begin;
    } while (begin >= source_.size() ||
             !absl::StrContains("{%#", source_.substr(begin, 1)));
    const char kind = source_[begin];
    absl::string_view text = Rest().substr(0, begin - 1 - position_);
    const size_t text_size = text.size();
    const absl::string_view after =
        absl::string_view(source_).substr(begin + 1);
    const bool has_sign =
        absl::StartsWith(after, "-") || absl::StartsWith(after, "+");
    if (absl::StartsWith(after, "-")) {
      text = StripText(text, StripSides::kRight);
    } else if (!has_sign && kind != '{') {
      text = WithoutIndentation(text);
    }
    AddText(text);
    Advance(text_size + 2 + (has_sign ? 1 : 0));
    if (kind == '#') return Comment();
    if (kind == '%') return Tag(TokenKind::kBlockBegin, TokenKind::kBlockEnd);
    return Tag(TokenKind::kPrintBegin, TokenKind::kPrintEnd);
  }

  // `text` without the blanks after its last newline, if nothing else is there.
  absl::string_view WithoutIndentation(absl::string_view text) const {
    const size_t newline = text.rfind('\n');
    if (newline == absl::string_view::npos && !at_line_start_) return text;
    const size_t line_begin =
        newline == absl::string_view::npos ? 0 : newline + 1;
    const absl::string_view indentation = text.substr(line_begin);
    if (!StripText(indentation, StripSides::kBoth).empty()) return text;
    return text.substr(0, line_begin);
  }

  void AddText(absl::string_view text) {
    if (text.empty()) return;
    tokens_.push_back({TokenKind::kText, std::string(text), line_});
  }

  // The length of a tag's end at the position, with the white space that it
  // takes; 0 when there is no end here.
  size_t EndLength(absl::string_view end) const {
    absl::string_view rest = Rest();
    if (absl::ConsumePrefix(&rest, absl::StrCat("-", end))) {
      return Rest().size() - StripText(rest, StripSides::kLeft).size();
    }
    const bool is_print = end == "}}";
    if (!is_print && absl::ConsumePrefix(&rest, absl::StrCat("+", end))) {
      return end.size() + 1;
    }
    if (!absl::ConsumePrefix(&rest, end)) return 0;
    if (!is_print) absl::ConsumePrefix(&rest, "\n");
    return Rest().size() - rest.size();
  }

  absl::Status Comment() {
    const int begin_line = line_;
    while (position_ < source_.size()) {
      if (const size_t length = EndLength("#}"); length > 0) {
        Advance(length);
        return absl::OkStatus();
      }
      Advance(1);
    }
    return Fail(absl::StrCat("chat template, line ", begin_line,
                             ": the comment does not end"));
  }

  void SkipSpace() {
    Advance(Rest().size() - StripText(Rest(), StripSides::kLeft).size());
  }

  absl::Status Tag(TokenKind begin_kind, TokenKind end_kind) {
    const absl::string_view end =
        end_kind == TokenKind::kBlockEnd ? "%}" : "}}";
    tokens_.push_back({begin_kind, "", line_});
    const int begin_line = line_;
    std::string brackets;  // The closing brackets that are due.
    while (true) {
      SkipSpace();
      if (position_ == source_.size()) {
        return Fail(absl::StrCat("chat template, line ", begin_line,
                                 ": the tag does not end with ", end));
      }
      const size_t length = brackets.empty() ? EndLength(end) : 0;
      if (length > 0) {
        tokens_.push_back({end_kind, "", line_});
        Advance(length);
        return absl::OkStatus();
      }
      LORA_RETURN_IF_ERROR(TagToken(brackets));
    }
  }

  absl::Status TagToken(std::string& brackets) {
    const char c = source_[position_];
    if (absl::ascii_isdigit(c)) return Number();
    if (IsNameByte(c)) {
      size_t length = 0;
      while (length < Rest().size() && IsNameByte(Rest()[length])) ++length;
      Add(TokenKind::kName, length);
      return absl::OkStatus();
    }
    if (c == '\'' || c == '"') return Quoted(c);
    for (const absl::string_view op : kOperators) {
      if (!absl::StartsWith(Rest(), op)) continue;
      LORA_RETURN_IF_ERROR(Balance(op, brackets));
      Add(TokenKind::kOperator, op.size());
      return absl::OkStatus();
    }
    return SyntaxError(
        absl::StrCat("unexpected \"", Rest().substr(0, 1), "\""));
  }

  void Add(TokenKind kind, size_t length) {
    tokens_.push_back({kind, std::string(Rest().substr(0, length)), line_});
    Advance(length);
  }

  absl::Status Balance(absl::string_view op, std::string& brackets) const {
    if (op == "(") brackets.push_back(')');
    if (op == "[") brackets.push_back(']');
    if (op == "{") brackets.push_back('}');
    if (op != ")" && op != "]" && op != "}") return absl::OkStatus();
    if (brackets.empty() || brackets.back() != op[0]) {
      return SyntaxError(absl::StrCat("unexpected \"", op, "\""));
    }
    brackets.pop_back();
    return absl::OkStatus();
  }

  // 12, 1_000, 1.5, 2e-3. After a dot only whole numbers: `x.0`.
  absl::Status Number() {
    const bool after_dot = !tokens_.empty() &&
                           tokens_.back().kind == TokenKind::kOperator &&
                           tokens_.back().text == ".";
    const absl::string_view rest = Rest();
    const auto digits_from = [rest](size_t i) {
      while (i < rest.size() && (absl::ascii_isdigit(rest[i]) ||
                                 (rest[i] == '_' && i + 1 < rest.size() &&
                                  absl::ascii_isdigit(rest[i + 1])))) {
        ++i;
      }
      return i;
    };
    size_t length = digits_from(0);
    bool is_float = false;
    if (!after_dot && length + 1 < rest.size() && rest[length] == '.' &&
        absl::ascii_isdigit(rest[length + 1])) {
      length = digits_from(length + 1);
      is_float = true;
    }
    if (!after_dot && length + 1 < rest.size() &&
        absl::ascii_tolower(rest[length]) == 'e') {
      const bool has_sign = rest[length + 1] == '-' || rest[length + 1] == '+';
      const size_t exponent = length + (has_sign ? 2 : 1);
      if (exponent < rest.size() && absl::ascii_isdigit(rest[exponent])) {
        length = digits_from(exponent);
        is_float = true;
      }
    }
    Add(is_float ? TokenKind::kFloat : TokenKind::kInteger, length);
    tokens_.back().text = absl::StrReplaceAll(tokens_.back().text, {{"_", ""}});
    return absl::OkStatus();
  }

  absl::Status Quoted(char quote) {
    const absl::string_view rest = Rest();
    size_t end = 1;
    while (end < rest.size() && rest[end] != quote) {
      end += rest[end] == '\\' ? 2 : 1;
    }
    if (end >= rest.size()) return SyntaxError("the string does not end");
    absl::StatusOr<std::string> text = UnescapeString(rest.substr(1, end - 1));
    if (!text.ok()) return SyntaxError(text.status().message());
    tokens_.push_back({TokenKind::kString, *std::move(text), line_});
    Advance(end + 1);
    return absl::OkStatus();
  }

  const std::string source_;
  size_t position_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source) {
  std::string normalized =
      absl::StrReplaceAll(source, {{"\r\n", "\n"}, {"\r", "\n"}});
  if (absl::EndsWith(normalized, "\n")) normalized.pop_back();
  return Lexer(std::move(normalized)).Run();
}

}  // namespace lora::jinja
