// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/setup.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace lora::loadgen {
namespace {

constexpr int64_t kMaxPromptFileBytes = 256 << 20;
constexpr int64_t kDefaultRequests = 64;
constexpr int kDefaultClosed = 8;
constexpr int kDefaultOpen = 256;

absl::StatusOr<std::vector<std::string>> ListAdapterIds(Client& client) {
  std::vector<std::string> ids;
  v1::ListAdaptersRequest request;
  do {
    LORA_ASSIGN_OR_RETURN(const v1::ListAdaptersResponse page,
                          client.ListAdapters(request));
    for (const v1::Adapter& adapter : page.adapters()) {
      ids.push_back(adapter.adapter_id());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return ids;
}

absl::StatusOr<std::vector<std::string>> ReadPrompts(const std::string& path) {
  LORA_ASSIGN_OR_RETURN(const std::string text,
                        ReadFile(path, kMaxPromptFileBytes));
  std::vector<std::string> prompts = SplitPrompts(text);
  if (prompts.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds no prompts; write one a line"));
  }
  return prompts;
}

int Concurrency(const Flags& flags) {
  return flags.concurrency.value_or(flags.rate.has_value() ? kDefaultOpen
                                                           : kDefaultClosed);
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value.has_value() ? Json(*value) : Json();
}

Json SecondsOrNull(absl::Duration duration) {
  return duration == absl::InfiniteDuration()
             ? Json()
             : Json(absl::ToDoubleSeconds(duration));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Connect(const Flags& flags) {
  LORA_ASSIGN_OR_RETURN(ClientOptions options,
                        ToClientOptions(flags.connection));
  options.retry.max_attempts = 1;
  return Client::Connect(options);
}

std::vector<std::string> SplitPrompts(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar("\r\n"), absl::SkipEmpty());
}

absl::StatusOr<std::vector<std::string>> ChooseAdapters(Client& client,
                                                        const Flags& flags) {
  if (flags.popularity.kind == Popularity::Kind::kNone) {
    return std::vector<std::string>();
  }
  if (!flags.adapters.empty()) return flags.adapters;
  return ListAdapterIds(client);
}

absl::StatusOr<Workload> MakeWorkload(const v1::ServerInfo& server,
                                      const Flags& flags,
                                      std::vector<std::string> adapters) {
  LORA_ASSIGN_OR_RETURN(
      AdapterPicker picker,
      AdapterPicker::Create(flags.popularity, std::move(adapters), flags.seed));
  WorkloadOptions options{.prompt_tokens = flags.prompt_tokens,
                          .vocab_size = server.base_model().vocab_size(),
                          .max_new_tokens = flags.max_new_tokens,
                          .ignore_eos = flags.ignore_eos,
                          .path = flags.path,
                          .seed = flags.seed};
  if (!flags.prompt_file.empty()) {
    LORA_ASSIGN_OR_RETURN(options.prompts, ReadPrompts(flags.prompt_file));
  } else if (options.vocab_size < 1) {
    return absl::InvalidArgumentError(
        "the server does not tell the size of its vocabulary, which random "
        "prompts need; give prompts with --prompt-file");
  }
  return Workload(std::move(options), std::move(picker));
}

LoadOptions WarmUpOptions(const Flags& flags) {
  return {.concurrency = Concurrency(flags),
          .arrivals = {.max_requests = flags.warm_up},
          .call = {.timeout = flags.timeout}};
}

LoadOptions MeasureOptions(const Flags& flags) {
  LoadOptions options{.concurrency = Concurrency(flags),
                      .arrivals = {.rate = flags.rate,
                                   .first_index = flags.warm_up,
                                   .seed = flags.seed},
                      .call = {.timeout = flags.timeout}};
  ArrivalOptions& arrivals = options.arrivals;
  if (flags.duration.has_value()) arrivals.duration = *flags.duration;
  if (flags.requests.has_value()) arrivals.max_requests = *flags.requests;
  if (!flags.duration.has_value() && !flags.requests.has_value()) {
    arrivals.max_requests = kDefaultRequests;
  }
  return options;
}

Json DescribeRun(const v1::ServerInfo& server, const Flags& flags,
                 const std::vector<std::string>& adapters) {
  const ArrivalOptions arrivals = MeasureOptions(flags).arrivals;
  return {{"server_version", server.version()},
          {"model", server.base_model().name()},
          {"device", server.device()},
          {"dtype", server.dtype()},
          {"threads", server.threads()},
          {"concurrency", Concurrency(flags)},
          {"rate", OrNull(flags.rate)},
          {"requests", OrNull(arrivals.max_requests)},
          {"duration_seconds", SecondsOrNull(arrivals.duration)},
          {"warm_up", flags.warm_up},
          {"timeout_seconds", SecondsOrNull(flags.timeout)},
          {"popularity", FormatPopularity(flags.popularity)},
          {"adapters", adapters},
          {"prompt_tokens",
           flags.prompt_file.empty() ? Json(flags.prompt_tokens) : Json()},
          {"prompt_file", flags.prompt_file},
          {"max_new_tokens", flags.max_new_tokens},
          {"ignore_eos", flags.ignore_eos},
          {"path", v1::ExecutionPath_Name(flags.path)},
          {"seed", flags.seed}};
}

}  // namespace lora::loadgen
