// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/runner.h"

#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "absl/time/clock.h"

namespace lora::loadgen {
namespace {

Sample SendOne(Client& client, const v1::GenerateRequest& request,
               absl::Time due, const CallOptions& options) {
  SampleRecorder recorder(
      request.adapters().empty() ? "" : request.adapters(0).adapter_id(), due);
  absl::Status status = client.Generate(
      request,
      [&recorder](const v1::GenerateResponse& message) {
        recorder.OnMessage(message, absl::Now());
        return StreamAction::kContinue;
      },
      options);
  return std::move(recorder).Finish(std::move(status), absl::Now());
}

// The `sender`-th of them: takes requests until there are no more.
std::vector<Sample> SendAll(int sender, Client& client,
                            const Workload& workload,
                            const CallOptions& options, Arrivals& arrivals) {
  std::vector<Sample> samples;
  while (const std::optional<Arrival> next = arrivals.Next(absl::Now())) {
    const v1::GenerateRequest request = workload.Request(next->index, sender);
    absl::SleepFor(next->due - absl::Now());
    samples.push_back(SendOne(client, request, next->due, options));
  }
  return samples;
}

}  // namespace

RunResult RunLoad(Client& client, const Workload& workload,
                  const LoadOptions& options) {
  const absl::Time start = absl::Now();
  Arrivals arrivals(options.arrivals, start);
  std::vector<std::vector<Sample>> samples(options.concurrency);
  std::vector<std::thread> senders;
  for (int i = 0; i < options.concurrency; ++i) {
    senders.emplace_back([&, i] {
      samples[i] = SendAll(i, client, workload, options.call, arrivals);
    });
  }
  for (std::thread& sender : senders) sender.join();

  RunResult result{.samples = {}, .elapsed = absl::Now() - start};
  for (std::vector<Sample>& part : samples) {
    std::move(part.begin(), part.end(), std::back_inserter(result.samples));
  }
  return result;
}

}  // namespace lora::loadgen
