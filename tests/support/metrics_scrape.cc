// SPDX-License-Identifier: Apache-2.0
#include "tests/support/metrics_scrape.h"

#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/support/http_get.h"

namespace lora {

MetricsScrape::MetricsScrape(absl::string_view text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t space = line.rfind(' ');
    double value = 0;
    if (line.empty() || line.front() == '#' || space == line.npos ||
        !absl::SimpleAtod(line.substr(space + 1), &value)) {
      continue;
    }
    samples_[line.substr(0, space)] = value;
  }
}

double MetricsScrape::operator[](absl::string_view name) const {
  const auto it = samples_.find(name);
  return it == samples_.end() ? 0 : it->second;
}

MetricsScrape ScrapeMetrics(ServerProcess& server) {
  const std::optional<std::string> line =
      server.program().WaitForLine("event=metrics_listening");
  int port = 0;
  if (line.has_value()) {
    const std::vector<std::string> parts = absl::StrSplit(*line, "port=");
    EXPECT_TRUE(absl::SimpleAtoi(parts.back(), &port)) << *line;
  }
  return MetricsScrape(HttpGet(port, "/metrics"));
}

}  // namespace lora
