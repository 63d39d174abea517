// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/byte_level.h"

#include <array>
#include <cstdint>

#include "server/tokenizer/utf8.h"

namespace lora {
namespace {

constexpr size_t kNumBytes = 256;
// One past the last character of the alphabet: 68 bytes are moved.
constexpr size_t kAlphabetEnd = 256 + 68;

constexpr bool IsPrintable(size_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
         (byte >= 174 && byte <= 255);
}

struct Alphabet {
  std::array<char32_t, kNumBytes> character;
  // -1 where no byte has this character.
  std::array<int16_t, kAlphabetEnd> byte;
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet{};
  for (int16_t& byte : alphabet.byte) byte = -1;
  char32_t next = 0x100;
  for (size_t byte = 0; byte < kNumBytes; ++byte) {
    const char32_t c = IsPrintable(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.character[byte] = c;
    alphabet.byte[c] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

std::string ToByteLevel(absl::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    AppendUtf8(kAlphabet.character[static_cast<uint8_t>(c)], out);
  }
  return out;
}

std::optional<std::string> FromByteLevel(absl::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const Utf8Head head = ReadUtf8(token);
    token.remove_prefix(head.length);
    if (head.code_point >= kAlphabetEnd) return std::nullopt;
    const int16_t byte = kAlphabet.byte[head.code_point];
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

}  // namespace lora
