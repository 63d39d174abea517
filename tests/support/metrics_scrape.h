// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_METRICS_SCRAPE_H_
#define LORA_TESTS_SUPPORT_METRICS_SCRAPE_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "tests/support/server_process.h"

namespace lora {

// The samples of one look at /metrics, by name and labels as they are written:
// `lora_sequences{state="queued"}`.
class MetricsScrape {
 public:
  explicit MetricsScrape(absl::string_view text);

  // 0 if there is no such sample: a counter that has not moved.
  double operator[](absl::string_view name) const;

 private:
  absl::flat_hash_map<std::string, double> samples_;
};

// Reads the metrics of a server that was started with --metrics-listen.
MetricsScrape ScrapeMetrics(ServerProcess& server);

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_METRICS_SCRAPE_H_
