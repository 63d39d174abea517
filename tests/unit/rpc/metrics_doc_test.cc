// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/file.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 20;

// Metrics that docs/metrics.md has a row for: "| `NAME` | ...".
std::vector<std::string> DocumentedMetrics() {
  const auto text = ReadFile("docs/metrics.md", kMaxBytes);
  EXPECT_OK(text);
  std::vector<std::string> names;
  for (absl::string_view line : absl::StrSplit(text.value_or(""), '\n')) {
    if (!absl::ConsumePrefix(&line, "| `")) continue;
    names.emplace_back(line.substr(0, line.find('`')));
  }
  return names;
}

// Names that `text` gives to metrics, as arguments of Name or of a function
// that takes the registry before them.
std::vector<std::string> MetricsNamedIn(absl::string_view text) {
  std::vector<std::string> names;
  for (size_t at = 0; (at = text.find("\"lora_", at)) != text.npos; ++at) {
    const absl::string_view before =
        absl::StripTrailingAsciiWhitespace(text.substr(0, at));
    if (!absl::EndsWith(before, ".Name(") &&
        !absl::EndsWith(before, "(registry,")) {
      continue;
    }
    const absl::string_view name = text.substr(at + 1);
    names.emplace_back(name.substr(0, name.find('"')));
  }
  return names;
}

std::vector<std::string> MetricsOfTheServer() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator("server")) {
    if (entry.path().extension() != ".cc") continue;
    const auto text = ReadFile(entry.path().string(), kMaxBytes);
    EXPECT_OK(text);
    for (std::string& name : MetricsNamedIn(text.value_or(""))) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

TEST(MetricsDocTest, EveryMetricHasOneRowAndNoRowIsMadeUp) {
  const std::vector<std::string> metrics = MetricsOfTheServer();
  // Those of the engine and of calls are found, by whatever function.
  EXPECT_THAT(metrics, ::testing::IsSupersetOf({"lora_rpc_requests_total",
                                                "lora_requests_total",
                                                "lora_step_seconds"}));
  EXPECT_THAT(DocumentedMetrics(),
              ::testing::UnorderedElementsAreArray(metrics));
}

}  // namespace
}  // namespace lora
