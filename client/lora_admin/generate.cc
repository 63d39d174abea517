// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "client/flags/choice.h"
#include "client/flags/repeated.h"
#include "client/lora_admin/commands.h"
#include "client/lora_admin/flags.h"
#include "client/lora_admin/output.h"

namespace lora::admin {
namespace {

constexpr const char* kFooter = R"(Examples:
  lora-admin generate --adapter sql-writer --prompt 'List all users.'
  lora-admin generate --adapter formal=0.7 --adapter brief=0.3 --chat 'Hi!'
  lora-admin generate --temperature 0.8 --seed 7 < prompt.txt
  lora-admin generate --prompt 'One, two,' --max-new-tokens 8 -o json)";

struct SamplingFlags {
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  std::optional<float> frequency_penalty;
  std::optional<float> presence_penalty;
  std::optional<uint64_t> seed;
};

struct Args {
  PromptFlags prompt;
  std::vector<v1::AdapterWeight> adapters;
  std::optional<int32_t> max_new_tokens;
  SamplingFlags sampling;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  int32_t top_logprobs = 0;
  v1::ExecutionPath path = v1::AUTO;
  bool stats = false;
};

v1::SamplingParams ToProto(const SamplingFlags& flags) {
  v1::SamplingParams proto;
  if (flags.temperature) proto.set_temperature(*flags.temperature);
  if (flags.top_k) proto.set_top_k(*flags.top_k);
  if (flags.top_p) proto.set_top_p(*flags.top_p);
  if (flags.min_p) proto.set_min_p(*flags.min_p);
  if (flags.repetition_penalty) {
    proto.set_repetition_penalty(*flags.repetition_penalty);
  }
  if (flags.frequency_penalty) {
    proto.set_frequency_penalty(*flags.frequency_penalty);
  }
  if (flags.presence_penalty) {
    proto.set_presence_penalty(*flags.presence_penalty);
  }
  if (flags.seed) proto.set_seed(*flags.seed);
  return proto;
}

v1::GenerateRequest ToRequest(const Args& args) {
  v1::GenerateRequest request;
  SetPrompt(args.prompt, request);
  request.mutable_adapters()->Assign(args.adapters.begin(),
                                     args.adapters.end());
  if (args.max_new_tokens) request.set_max_new_tokens(*args.max_new_tokens);
  *request.mutable_sampling() = ToProto(args.sampling);
  request.mutable_stop()->Assign(args.stop.begin(), args.stop.end());
  request.set_ignore_eos(args.ignore_eos);
  request.set_top_logprobs(args.top_logprobs);
  request.set_path(args.path);
  return request;
}

void PrintStats(const v1::GenerateResponse& last) {
  const v1::Usage& usage = last.usage();
  const v1::Provenance& provenance = last.provenance();
  std::cerr << absl::StreamFormat(
      "%s, %s path, %d prompt tokens (%d cached), %d new tokens, first after "
      "%s, all after %s\n",
      v1::FinishReason_Name(last.finish_reason()),
      v1::ExecutionPath_Name(provenance.path()), usage.prompt_tokens(),
      usage.cached_tokens(), usage.completion_tokens(),
      FormatDuration(provenance.time_to_first_token()),
      FormatDuration(provenance.total_time()));
}

absl::Status RunJson(const Args& args, const Session& session) {
  const absl::StatusOr<v1::GenerateResponse> answer =
      session.client.GenerateText(ToRequest(args), session.call);
  if (!answer.ok()) return answer.status();
  std::cout << FormatJson(*answer);
  return absl::OkStatus();
}

absl::Status RunStream(const Args& args, const Session& session) {
  bool has_text = false;
  v1::GenerateResponse last;
  absl::Status status = session.client.Generate(
      ToRequest(args),
      [&](const v1::GenerateResponse& message) {
        std::cout << message.text() << std::flush;
        has_text |= !message.text().empty();
        last = message;
        return StreamAction::kContinue;
      },
      session.call);
  if (status.ok() || has_text) std::cout << std::endl;
  if (status.ok() && args.stats) PrintStats(last);
  return status;
}

void AddSampling(CLI::App& app, SamplingFlags& flags) {
  app.add_option("--temperature", flags.temperature, "0: greedy (default)");
  app.add_option("--top-k", flags.top_k, "Keep the K likeliest tokens");
  app.add_option("--top-p", flags.top_p,
                 "Keep the smallest set with this probability");
  app.add_option("--min-p", flags.min_p,
                 "Drop tokens below this times the likeliest");
  app.add_option("--repetition-penalty", flags.repetition_penalty,
                 "Above 1: discourage tokens of prompt and answer");
  app.add_option("--frequency-penalty", flags.frequency_penalty,
                 "Subtracted per occurrence in the answer");
  app.add_option("--presence-penalty", flags.presence_penalty,
                 "Subtracted once for a token of the answer");
  app.add_option("--seed", flags.seed, "Same seed, same answer");
}

}  // namespace

void AddGenerate(CLI::App& app, Command& chosen) {
  const auto args = std::make_shared<Args>();
  CLI::App* command =
      app.add_subcommand("generate", "Answer a prompt, streaming");
  command->footer(kFooter);
  AddPrompt(*command, args->prompt);
  AddWeights(*command, "--adapter", args->adapters,
             "An adapter and its weight; may be repeated (default: the base)");
  command->add_option("--max-new-tokens", args->max_new_tokens,
                      "Longest answer (default: 256)");
  AddSampling(*command, args->sampling);
  AddRepeated(
      *command, "--stop",
      [args](const std::string& text) { args->stop.push_back(text); },
      "End before this text; may be repeated");
  command->add_flag("--ignore-eos", args->ignore_eos,
                    "Go on after the model's end tokens");
  command->add_option("--top-logprobs", args->top_logprobs,
                      "With -o json: likeliest tokens at each position");
  AddChoice(
      *command, "--path", args->path,
      {{"auto", v1::AUTO}, {"unmerged", v1::UNMERGED}, {"merged", v1::MERGED}},
      "Low-rank products beside the base, or merged weights; auto: the "
      "server decides");
  command->add_flag("--stats", args->stats,
                    "Show path, tokens and times on standard error");
  command->callback([args, &chosen] {
    chosen = [args](const Session& session) {
      return session.output == OutputFormat::kJson ? RunJson(*args, session)
                                                   : RunStream(*args, session);
    };
  });
}

}  // namespace lora::admin
