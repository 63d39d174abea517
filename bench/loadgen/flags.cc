// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/flags.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/flags/choice.h"
#include "client/flags/duration.h"
#include "client/flags/repeated.h"
#include "server/base/version.h"

namespace lora::loadgen {
namespace {

constexpr char kFooter[] =
    R"(Closed loop (default): --concurrency clients, each
sends its next request when it has the answer. Shows what the server can do.
Open loop (--rate): requests arrive at random times, whether or not earlier
ones are done, as from many users. Shows what users wait; times count from when
a request was due.

Popularity: none (the base), identical (the first adapter), uniform (any),
zipf:ALPHA (the i-th adapter with weight i^-ALPHA), distinct (requests take them
in turn), steady (closed loop: the i-th client takes the i-th adapter for good,
so that "slowest / fastest adapter" shows whether the server is fair).

Examples:
  # Eight requests at once, each on another adapter
  loadgen --requests 8 --popularity distinct --ignore-eos
  # Two requests a second for a minute, few adapters hot and many cold
  loadgen --rate 2 --duration 1m --popularity zipf:1.1 --json run.json
  # Is the server fair to eight clients on eight adapters?
  loadgen --duration 30s --popularity steady --ignore-eos
  # The base model alone, on given prompts
  loadgen --requests 100 --popularity none --prompt-file prompts.txt

Exit codes: 0 OK, 1 requests failed, 2 usage, 3 no server answered.)";

// As AddDuration, but none at all is a usage error too.
void AddSomeDuration(CLI::App& app, const std::string& name,
                     std::function<void(absl::Duration)> set,
                     const std::string& help) {
  AddDuration(
      app, name,
      [name, set = std::move(set)](absl::Duration duration) {
        if (duration <= absl::ZeroDuration()) {
          throw CLI::ValidationError(name, "expected more than no time");
        }
        set(duration);
      },
      help);
}

void AddLoadFlags(CLI::App& app, Flags& flags) {
  app.add_option("-c,--concurrency", flags.concurrency,
                 "Requests in flight; with --rate: at most (default: 8, 256)")
      ->check(CLI::Range(1, 4096));
  app.add_option("--rate", flags.rate, "Open loop: requests a second")
      ->check(CLI::PositiveNumber);
  app.add_option("-n,--requests", flags.requests,
                 "End after so many requests (default without --duration: 64)")
      ->check(CLI::PositiveNumber);
  AddSomeDuration(
      app, "--duration", [&flags](absl::Duration d) { flags.duration = d; },
      "Send no request after this");
  app.add_option("--warm-up", flags.warm_up,
                 "Requests before, which are not counted")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddSomeDuration(
      app, "--timeout", [&flags](absl::Duration d) { flags.timeout = d; },
      "Deadline of each request");
}

void AddPopularityFlags(CLI::App& app, Flags& flags) {
  app.add_option_function<std::string>(
         "--popularity",
         [&flags](const std::string& text) {
           const absl::StatusOr<Popularity> value = ParsePopularity(text);
           if (!value.ok()) {
             throw CLI::ValidationError("--popularity",
                                        std::string(value.status().message()));
           }
           flags.popularity = *value;
         },
         "How requests choose adapters")
      ->default_str("uniform");
  AddRepeated(
      app, "--adapters",
      [&flags](const std::string& text) {
        for (const absl::string_view id : absl::StrSplit(text, ',')) {
          if (id.empty()) {
            throw CLI::ValidationError(
                "--adapters", absl::StrCat("'", text, "' has an empty id"));
          }
          flags.adapters.emplace_back(id);
        }
      },
      "Ids to choose from (default: all that the server has)")
      ->type_name("ID,...");
}

void AddRequestFlags(CLI::App& app, Flags& flags) {
  CLI::Option* tokens = app.add_option("--prompt-tokens", flags.prompt_tokens,
                                       "Length of prompts of random token ids")
                            ->check(CLI::PositiveNumber)
                            ->capture_default_str();
  app.add_option("--prompt-file", flags.prompt_file,
                 "Prompts, one a line, taken in turn")
      ->check(CLI::ExistingFile)
      ->excludes(tokens);
  app.add_option("--max-new-tokens", flags.max_new_tokens, "Longest answer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--ignore-eos", flags.ignore_eos,
               "Answers have exactly --max-new-tokens tokens");
  AddChoice(
      app, "--path", flags.path,
      {{"auto", v1::AUTO}, {"unmerged", v1::UNMERGED}, {"merged", v1::MERGED}},
      "Which path the requests ask for")
      ->default_str("auto");
  app.add_option("--seed", flags.seed, "Same seed, same requests")
      ->capture_default_str();
}

// What one flag alone cannot say.
void CheckTogether(const Flags& flags) {
  if (flags.rate.has_value() &&
      flags.popularity.kind == Popularity::Kind::kSteady) {
    throw CLI::ValidationError(
        "--popularity", "steady needs clients of a closed loop: leave --rate");
  }
}

}  // namespace

std::variant<Flags, ExitCode> ParseFlags(int argc, const char* const* argv) {
  CLI::App app("Loads a lora-server and measures how it answers.", "loadgen");
  app.set_version_flag("--version", absl::StrCat("loadgen ", lora::Version()));
  app.footer(kFooter);
  Flags flags;
  AddLoadFlags(app, flags);
  AddPopularityFlags(app, flags);
  AddRequestFlags(app, flags);
  app.add_option("--json", flags.json_file, "Write the figures to this file")
      ->type_name("FILE");
  AddConnectionFlags(app, flags.connection);
  try {
    app.parse(argc, argv);
    CheckTogether(flags);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  return flags;
}

}  // namespace lora::loadgen
