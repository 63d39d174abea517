// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/setup.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace lora::loadgen {
namespace {

constexpr int64_t kMaxTokenBytes = 64 << 10;
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

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Connect(const Flags& flags) {
  ClientOptions options{.endpoint = flags.endpoint};
  options.retry.max_attempts = 1;
  if (!flags.token_file.empty()) {
    LORA_ASSIGN_OR_RETURN(const std::string token,
                          ReadFile(flags.token_file, kMaxTokenBytes));
    options.token = std::string(absl::StripAsciiWhitespace(token));
  }
  if (!flags.tls_ca.empty() || !flags.tls_cert.empty() ||
      !flags.tls_key.empty()) {
    options.tls = ClientTls{.ca_file = flags.tls_ca,
                            .cert_file = flags.tls_cert,
                            .key_file = flags.tls_key};
  }
  return Client::Connect(options);
}

std::vector<std::string> SplitPrompts(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar("\r\n"), absl::SkipEmpty());
}

absl::StatusOr<Workload> MakeWorkload(Client& client,
                                      const v1::ServerInfo& server,
                                      const Flags& flags) {
  std::vector<std::string> adapters = flags.adapters;
  if (adapters.empty() && flags.popularity.kind != Popularity::Kind::kNone) {
    LORA_ASSIGN_OR_RETURN(adapters, ListAdapterIds(client));
  }
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

Json DescribeRun(const v1::ServerInfo& server, const Flags& flags) {
  return {{"server_version", server.version()},
          {"model", server.base_model().name()},
          {"device", server.device()},
          {"dtype", server.dtype()},
          {"threads", server.threads()},
          {"concurrency", Concurrency(flags)},
          {"rate", flags.rate.has_value() ? Json(*flags.rate) : Json()},
          {"prompt_tokens", flags.prompt_tokens},
          {"prompt_file", flags.prompt_file},
          {"max_new_tokens", flags.max_new_tokens},
          {"ignore_eos", flags.ignore_eos},
          {"path", v1::ExecutionPath_Name(flags.path)},
          {"seed", flags.seed}};
}

}  // namespace lora::loadgen
