// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_RUNNER_H_
#define LORA_BENCH_LOADGEN_RUNNER_H_

#include <vector>

#include "absl/time/time.h"
#include "bench/loadgen/arrivals.h"
#include "bench/loadgen/sample.h"
#include "bench/loadgen/workload.h"
#include "client/client.h"

namespace lora::loadgen {

struct LoadOptions {
  // Requests in flight: all the time without a rate, at most with one.
  int concurrency = 8;
  ArrivalOptions arrivals;
  CallOptions call;
};

struct RunResult {
  std::vector<Sample> samples;
  absl::Duration elapsed;  // To the end of the last request.
};

// Sends the requests of `workload` as `options` say, a thread for each that is
// in flight, and waits for all answers.
RunResult RunLoad(Client& client, const Workload& workload,
                  const LoadOptions& options);

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_RUNNER_H_
