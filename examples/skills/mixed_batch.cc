// SPDX-License-Identifier: Apache-2.0
// Asks the base and any number of adapters the same thing at the same time:
//
//   mixed-batch HOST:PORT PROMPT [ADAPTER...]
//
// Prints a table of the answers and, below it, how many tokens they have.
#include <cstdint>
#include <cstdlib>
#include <future>
#include <iostream>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "client/client.h"

namespace {

namespace v1 = lora::v1;
using Answer = absl::StatusOr<v1::GenerateResponse>;

constexpr char kRow[] = "  %-10s %-12s %-10s %-20s %8s\n";
constexpr double kMillisPerSecond = 1e3;
constexpr double kMillisPerNano = 1e-6;

v1::GenerateRequest MakeRequest(const std::string& prompt,
                                const std::string& adapter) {
  v1::GenerateRequest request;
  request.set_text(prompt);
  if (!adapter.empty()) request.add_adapters()->set_adapter_id(adapter);
  return request;
}

// Holds every request back until all are ready to go.
std::vector<Answer> AskAll(lora::Client& client, const std::string& prompt,
                           const std::vector<std::string>& adapters) {
  std::latch start(static_cast<std::ptrdiff_t>(adapters.size()));
  std::vector<std::future<Answer>> calls;
  calls.reserve(adapters.size());
  for (const std::string& adapter : adapters) {
    calls.push_back(std::async(std::launch::async, [&] {
      start.arrive_and_wait();
      return client.GenerateText(MakeRequest(prompt, adapter));
    }));
  }
  std::vector<Answer> answers;
  answers.reserve(calls.size());
  for (std::future<Answer>& call : calls) answers.push_back(call.get());
  return answers;
}

void PrintRow(const std::string& prompt, const std::string& adapter,
              const v1::GenerateResponse& answer) {
  const auto& time = answer.provenance().total_time();
  const double millis = static_cast<double>(time.seconds()) * kMillisPerSecond +
                        time.nanos() * kMillisPerNano;
  std::cout << absl::StreamFormat(
      kRow, prompt, adapter.empty() ? "(base)" : adapter,
      v1::ExecutionPath_Name(answer.provenance().path()), answer.text(),
      absl::StrFormat("%.1f ms", millis));
}

absl::Status Run(const std::string& endpoint, const std::string& prompt,
                 const std::vector<std::string>& adapters) {
  auto client = lora::Client::Connect({.endpoint = endpoint});
  if (!client.ok()) return client.status();
  // Connects, so that no request has to wait for that.
  const auto info = (*client)->GetServerInfo();
  if (!info.ok()) return info.status();
  const std::vector<Answer> answers = AskAll(**client, prompt, adapters);
  std::cout << absl::StreamFormat(kRow, "PROMPT", "ADAPTER", "PATH", "ANSWER",
                                  "TIME");
  int64_t tokens = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) return answers[i].status();
    PrintRow(prompt, adapters[i], *answers[i]);
    tokens += answers[i]->usage().completion_tokens();
  }
  std::cout << absl::StreamFormat("  %d requests, %d new tokens\n",
                                  answers.size(), tokens);
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: mixed-batch HOST:PORT PROMPT [ADAPTER...]\n";
    return 2;
  }
  std::vector<std::string> adapters = {""};
  adapters.insert(adapters.end(), argv + 3, argv + argc);
  const absl::Status status = Run(argv[1], argv[2], adapters);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
