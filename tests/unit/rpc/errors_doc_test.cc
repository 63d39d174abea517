// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

// Reasons that docs/errors.md has a row for: "| REASON | ...".
std::vector<std::string> DocumentedReasons() {
  const auto text = ReadFile("docs/errors.md", int64_t{1} << 20);
  EXPECT_OK(text);
  std::vector<std::string> reasons;
  for (absl::string_view line : absl::StrSplit(text.value_or(""), '\n')) {
    if (!absl::ConsumePrefix(&line, "| `")) continue;
    reasons.emplace_back(line.substr(0, line.find('`')));
  }
  return reasons;
}

std::vector<std::string> AllReasons() {
  std::vector<std::string> reasons;
  for (int i = 0; i <= static_cast<int>(ErrorReason::kInternal); ++i) {
    reasons.emplace_back(ErrorReasonName(static_cast<ErrorReason>(i)));
  }
  return reasons;
}

TEST(ErrorsDocTest, EveryReasonHasOneRowAndNoRowIsMadeUp) {
  EXPECT_THAT(DocumentedReasons(),
              ::testing::UnorderedElementsAreArray(AllReasons()));
}

TEST(ErrorsDocTest, EveryReasonHasANameOfItsOwn) {
  const std::vector<std::string> reasons = AllReasons();
  EXPECT_EQ(std::set<std::string>(reasons.begin(), reasons.end()).size(),
            reasons.size());
}

}  // namespace
}  // namespace lora
