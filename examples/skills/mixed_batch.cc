// SPDX-License-Identifier: Apache-2.0
// Asks the base and any number of adapters the same thing at the same time and
// prints a table of the answers. With --answers each is compared with the right
// one; a wrong one is an error.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <latch>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/client.h"
#include "server/base/version.h"

namespace {

namespace v1 = lora::v1;
using Answer = absl::StatusOr<v1::GenerateResponse>;

constexpr int kUsage = 2;
constexpr char kBase[] = "base";
constexpr char kRow[] = "  %-10s %-12s %-10s %-20s %8s  %s\n";
constexpr double kMillisPerSecond = 1e3;
constexpr double kMillisPerNano = 1e-6;

struct Args {
  std::string endpoint;
  std::string prompt;
  std::vector<std::string> adapters;
  std::string answers;
};

// On the path that all adapters share: AUTO may merge what comes alone.
v1::GenerateRequest MakeRequest(const std::string& prompt,
                                const std::string& adapter) {
  v1::GenerateRequest request;
  request.set_text(prompt);
  request.set_path(v1::UNMERGED);
  if (adapter != kBase) request.add_adapters()->set_adapter_id(adapter);
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

// The right answers to `prompt` by adapter, from a table like heldout.tsv: a
// head with the adapters' names, and in each line a word (the prompt, less its
// last character) and the answers to it.
absl::StatusOr<std::map<std::string, std::string>> ReadRightAnswers(
    const std::string& path, const std::string& prompt) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> head = absl::StrSplit(line, '\t');
  while (std::getline(file, line)) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    if (fields.size() != head.size() ||
        fields[0] != prompt.substr(0, prompt.size() - 1)) {
      continue;
    }
    std::map<std::string, std::string> answers;
    for (size_t i = 1; i < head.size(); ++i) answers[head[i]] = fields[i];
    return answers;
  }
  return absl::NotFoundError(
      absl::StrCat("no right answers to '", prompt, "' in ", path));
}

void PrintRow(const std::string& prompt, const std::string& adapter,
              const v1::GenerateResponse& answer, const char* verdict) {
  const auto& time = answer.provenance().total_time();
  const double millis = static_cast<double>(time.seconds()) * kMillisPerSecond +
                        time.nanos() * kMillisPerNano;
  std::cout << absl::StreamFormat(
      kRow, prompt, adapter == kBase ? "(base)" : adapter,
      v1::ExecutionPath_Name(answer.provenance().path()), answer.text(),
      absl::StrFormat("%.1f ms", millis), verdict);
}

absl::Status Run(const Args& args) {
  std::map<std::string, std::string> right;
  if (!args.answers.empty()) {
    auto read = ReadRightAnswers(args.answers, args.prompt);
    if (!read.ok()) return read.status();
    right = *std::move(read);
  }
  const auto client = lora::Client::Connect({.endpoint = args.endpoint});
  if (!client.ok()) return client.status();
  // Connects, so that no request has to wait for that.
  const auto info = (*client)->GetServerInfo();
  if (!info.ok()) return info.status();
  std::vector<std::string> adapters = args.adapters;
  adapters.insert(adapters.begin(), kBase);
  const std::vector<Answer> answers = AskAll(**client, args.prompt, adapters);
  std::cout << absl::StreamFormat(kRow, "PROMPT", "ADAPTER", "PATH", "ANSWER",
                                  "TIME", "");
  int64_t tokens = 0;
  int64_t wrong = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) return answers[i].status();
    const bool is_right =
        right.empty() || right[adapters[i]] == answers[i]->text();
    PrintRow(args.prompt, adapters[i], *answers[i],
             right.empty() ? "" : (is_right ? "right" : "WRONG"));
    wrong += is_right ? 0 : 1;
    tokens += answers[i]->usage().completion_tokens();
  }
  std::cout << absl::StreamFormat("  %d requests, %d new tokens\n",
                                  answers.size(), tokens);
  if (wrong == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(wrong, " answers are wrong"));
}

}  // namespace

int main(int argc, char** argv) {
  Args args;
  CLI::App app("Asks the base and adapters the same thing at the same time.",
               "mixed-batch");
  app.set_version_flag("--version",
                       absl::StrCat("mixed-batch ", lora::Version()));
  app.add_option("ENDPOINT", args.endpoint, "Server, HOST:PORT")->required();
  app.add_option("PROMPT", args.prompt, "What all are asked")->required();
  app.add_option("ADAPTER", args.adapters, "Who is asked, besides the base");
  app.add_option("--answers", args.answers,
                 "Table with the right answers, like heldout/heldout.tsv")
      ->check(CLI::ExistingFile);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kUsage;
  }
  const absl::Status status = Run(args);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
