// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/tokenizer/golden_text.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/file.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

constexpr int64_t kMaxBytes = int64_t{16} << 20;

}  // namespace

std::string ReadGoldenText(absl::string_view name) {
  const absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat("tests/golden/tokenizer/", name), kMaxBytes);
  EXPECT_THAT(text, IsOk())
      << "make it with the scripts in tests/golden/tokenizer";
  return text.value_or("");
}

Json ReadGoldenJson(absl::string_view name) {
  const absl::StatusOr<Json> json = ParseJson(
      ReadGoldenText(name), {.max_bytes = static_cast<size_t>(kMaxBytes)});
  EXPECT_THAT(json, IsOk());
  return json.value_or(Json::object());
}

}  // namespace lora
