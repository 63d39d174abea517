// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/tokenizer/regex.h"

namespace lora {
namespace {

// An escape of one letter, and what PCRE2 has to read for it.
struct LetterEscape {
  char letter;
  absl::string_view text;
  bool is_anchor;  // Not possible in a set.
};

// PCRE2's own \s knows U+180E, its \v all vertical space.
constexpr LetterEscape kLetterEscapes[] = {
    {'s', R"(\p{White_Space})", false},
    {'S', R"(\P{White_Space})", false},
    {'d', R"(\p{Nd})", false},
    {'D', R"(\P{Nd})", false},
    {'n', R"(\n)", false},
    {'r', R"(\r)", false},
    {'t', R"(\t)", false},
    {'f', R"(\f)", false},
    {'v', R"(\x0B)", false},
    {'A', R"(\A)", true},
    {'z', R"(\z)", true},
};

// The word characters: PCRE2's own \w knows neither marks nor connectors.
constexpr absl::string_view kWordSet = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// The superscripts and fractions of Latin-1, which Oniguruma counts as word
// characters too, though not inside a set.
constexpr absl::string_view kLatinNumbers =
    R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

// Whether PCRE2 and Oniguruma mean the same by this property of more than two
// letters; others are scripts, where PCRE2 would take extensions, too.
bool IsBinaryProperty(absl::string_view name) {
  return name == "Alphabetic" || name == "White_Space" || name == "Any";
}

// Copies a pattern, escape by escape and group by group.
class Translator {
 public:
  explicit Translator(absl::string_view pattern) : pattern_(pattern) {}

  absl::StatusOr<std::string> Translate() && {
    while (position_ < pattern_.size()) {
      const char c = pattern_[position_];
      if (c == '\\') {
        LORA_RETURN_IF_ERROR(Escape());
      } else if (in_class_) {
        LORA_RETURN_IF_ERROR(ClassCharacter());
      } else if (c == '[') {
        OpenClass();
      } else if (c == '(') {
        LORA_RETURN_IF_ERROR(Group());
      } else if (c == '}' && Peek(1) == '+') {
        // Possessive in PCRE2, a repeated repetition in Oniguruma.
        return Unsupported("a \"+\" after \"{...}\"");
      } else {
        Copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  absl::Status Unsupported(absl::string_view what) const {
    return Error(absl::StatusCode::kUnimplemented, ErrorReason::kBaseFeature,
                 absl::StrCat("the regular expression \"", pattern_, "\" has ",
                              what, " at byte ", position_,
                              ", which this server does not support"));
  }

  char Peek(size_t ahead) const {
    return position_ + ahead < pattern_.size() ? pattern_[position_ + ahead]
                                               : '\0';
  }

  void Copy(size_t length) {
    absl::StrAppend(&out_, pattern_.substr(position_, length));
    position_ += length;
  }

  void Replace(size_t length, absl::string_view text) {
    absl::StrAppend(&out_, text);
    position_ += length;
  }

  void OpenClass() {
    in_class_ = true;
    Copy(Peek(1) == '^' ? 2 : 1);
    // A "]" in first place stands for itself.
    if (Peek(0) == ']') Replace(1, "\\]");
  }

  absl::Status ClassCharacter() {
    const char c = pattern_[position_];
    if (c == '[') return Unsupported("a set inside a set");
    if (c == '&' && Peek(1) == '&') return Unsupported("a set intersection");
    if (c == ']') in_class_ = false;
    Copy(1);
    return absl::OkStatus();
  }

  absl::Status Group() {
    if (Peek(1) != '?') {
      Copy(1);
      return absl::OkStatus();
    }
    for (const absl::string_view opener :
         {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)",
          "(?-i:", "(?-i)"}) {
      if (absl::string_view(pattern_).substr(position_, opener.size()) ==
          opener) {
        Copy(opener.size());
        return absl::OkStatus();
      }
    }
    return Unsupported("a group of an unknown kind");
  }

  absl::Status Escape() {
    const char c = Peek(1);
    for (const LetterEscape& escape : kLetterEscapes) {
      if (escape.letter != c) continue;
      if (in_class_ && escape.is_anchor) {
        return Unsupported("an anchor in a set");
      }
      Replace(2, escape.text);
      return absl::OkStatus();
    }
    if (c == 'w' || c == 'W') return WordEscape(c == 'W' ? "[^" : "[");
    if (c == 'p' || c == 'P' || c == 'x') return BracedEscape();
    if (c == 'u') return FourDigitEscape();
    if (c == '\0' || absl::ascii_isalnum(c)) {
      return Unsupported(
          absl::StrCat("the escape \\", absl::string_view(&c, 1)));
    }
    Copy(2);
    return absl::OkStatus();
  }

  // \w and \W, which open a set with `opener`.
  absl::Status WordEscape(absl::string_view opener) {
    if (!in_class_) {
      Replace(2, absl::StrCat(opener, kWordSet, kLatinNumbers, "]"));
    } else if (opener == "[") {
      Replace(2, kWordSet);
    } else {
      return Unsupported("\\W in a set");
    }
    return absl::OkStatus();
  }

  // \p{Name}, \x{HHHH}
  absl::Status BracedEscape() {
    const absl::string_view escape = pattern_.substr(position_, 2);
    const size_t close = pattern_.find('}', position_);
    if (Peek(2) != '{' || close == absl::string_view::npos) {
      return Unsupported(absl::StrCat(escape, " without braces"));
    }
    const size_t length = close + 1 - position_;
    const absl::string_view name = pattern_.substr(position_ + 3, length - 4);
    if (escape == "\\x" || name.size() <= 2 || IsBinaryProperty(name)) {
      Copy(length);
    } else if (name[0] == '^') {
      return Unsupported(absl::StrCat(escape, "{^...}"));
    } else {
      Replace(length, absl::StrCat(escape, "{sc:", name, "}"));
    }
    return absl::OkStatus();
  }

  // \uHHHH
  absl::Status FourDigitEscape() {
    for (size_t i = 2; i < 6; ++i) {
      if (!absl::ascii_isxdigit(Peek(i))) {
        return Unsupported("\\u without four hexadecimal digits");
      }
    }
    Replace(6, absl::StrCat("\\x{", pattern_.substr(position_ + 2, 4), "}"));
    return absl::OkStatus();
  }

  const absl::string_view pattern_;
  size_t position_ = 0;
  bool in_class_ = false;
  std::string out_;
};

}  // namespace

absl::StatusOr<std::string> TranslateRegex(absl::string_view pattern) {
  return Translator(pattern).Translate();
}

}  // namespace lora
