// SPDX-License-Identifier: Apache-2.0
#include "server/memory_plan.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;
// For everything that is not counted: the program and its libraries, the
// tokenizer, what kernels set aside.
constexpr int64_t kProgramBytes = int64_t{256} << 20;
// With one there is hardly a prompt that fits beside its answer.
constexpr int64_t kMinKvBlocks = 2;

struct Budget {
  absl::string_view flag;
  std::optional<int64_t> asked;
  int64_t by_default = 0;
  int64_t* bytes = nullptr;  // What it gets.
};

// What the rows take that a flag lets into a step.
struct StepShare {
  absl::string_view flag;
  int64_t bytes = 0;
};

// A memory and what shares it.
struct Pool {
  absl::string_view name;
  int64_t bytes = 0;
  int64_t weight_bytes = 0;
  std::vector<StepShare> step;
  absl::string_view hint;  // What helps beside lower budgets.
  std::vector<Budget> budgets;
};

// A step has a row for each request that runs, which may sample, and the rows
// of prompts.
std::vector<StepShare> LargestStep(const Config& config,
                                   const ModelMemory& model) {
  return {{"--max-prefill-tokens", config.max_prefill_tokens * model.row_bytes},
          {"--max-running",
           config.max_running * (model.row_bytes + model.logit_row_bytes)}};
}

// The flags of a step that take `bytes` or more.
std::vector<std::string> FlagsThatTake(int64_t bytes,
                                       absl::Span<const StepShare> step) {
  std::vector<std::string> flags;
  for (const StepShare& share : step) {
    if (share.bytes >= bytes) flags.emplace_back(share.flag);
  }
  return flags;
}

absl::Status DoesNotFit(const Pool& pool, int64_t needed) {
  std::vector<std::string> parts;
  if (pool.weight_bytes > 0) {
    parts.push_back(absl::StrCat(pool.weight_bytes, " of base model weights"));
  }
  for (const StepShare& share : pool.step) {
    if (share.bytes == 0) continue;
    parts.push_back(absl::StrCat(share.bytes, " of ", share.flag));
  }
  std::vector<std::string> flags =
      FlagsThatTake(needed - pool.bytes, pool.step);
  for (const Budget& budget : pool.budgets) {
    flags.emplace_back(budget.flag);
    if (!budget.asked.has_value()) continue;
    parts.push_back(absl::StrCat(*budget.asked, " of ", budget.flag));
  }
  return Error(
      absl::StatusCode::kResourceExhausted, ErrorReason::kMemory,
      absl::StrCat("the server needs ", needed, " bytes of ", pool.name, " (",
                   absl::StrJoin(parts, ", "), ", ", kProgramBytes,
                   " of the program itself), but may use ", pool.bytes,
                   ": lower ", absl::StrJoin(flags, ", "), pool.hint));
}

// Gives each budget of `pool` its bytes.
absl::Status Share(const Pool& pool) {
  int64_t needed = pool.weight_bytes + kProgramBytes;
  for (const StepShare& share : pool.step) needed += share.bytes;
  int64_t wanted = 0;  // By the budgets that no flag names.
  for (const Budget& budget : pool.budgets) {
    needed += budget.asked.value_or(0);
    wanted += budget.asked.has_value() ? 0 : budget.by_default;
  }
  if (needed > pool.bytes) return DoesNotFit(pool, needed);
  const int64_t left = pool.bytes - needed;
  for (const Budget& budget : pool.budgets) {
    if (budget.asked.has_value()) {
      *budget.bytes = *budget.asked;
    } else {
      const double part =
          static_cast<double>(budget.by_default) / static_cast<double>(wanted);
      *budget.bytes =
          std::min(budget.by_default,
                   static_cast<int64_t>(static_cast<double>(left) * part));
    }
  }
  return absl::OkStatus();
}

// Loading comes before the budgets fill: it may use what they will have.
absl::Status CheckLoading(const MachineMemory& machine,
                          const ModelMemory& model) {
  const int64_t weights =
      machine.device_bytes.has_value() ? 0 : model.weight_bytes;
  const int64_t needed = weights + model.staging_bytes + kProgramBytes;
  if (needed <= machine.host_bytes) return absl::OkStatus();
  return Error(
      absl::StatusCode::kResourceExhausted, ErrorReason::kMemory,
      absl::StrCat("loading the base model needs ", needed,
                   " bytes of memory (", weights, " of weights, ",
                   model.staging_bytes, " to convert them, ", kProgramBytes,
                   " of the program itself), but may use ", machine.host_bytes,
                   ": give it more, or store the weights in the type of "
                   "--dtype"));
}

absl::Status CheckKeysAndValues(const Config& config, const Pool& pool,
                                int64_t kv_bytes, int64_t needed) {
  if (kv_bytes >= needed) return absl::OkStatus();
  std::string advice = "set --kv-memory";
  const std::vector<std::string> lower = FlagsThatTake(needed, pool.step);
  if (!config.kv_memory.has_value() && !lower.empty()) {
    absl::StrAppend(&advice, " or lower ", absl::StrJoin(lower, ", "));
  }
  return Error(
      absl::StatusCode::kResourceExhausted, ErrorReason::kMemory,
      absl::StrCat("keys and values of sequences get ", kv_bytes,
                   " bytes; this model needs at least ", needed, ": ", advice));
}

}  // namespace

absl::StatusOr<MemoryBudgets> PlanMemory(const Config& config,
                                         const MachineMemory& machine,
                                         const ModelMemory& model) {
  MemoryBudgets budgets;
  const Budget host{"--host-memory", config.host_memory, 2 * kGiB,
                    &budgets.host};
  Pool pool{.name = "memory",
            .bytes = machine.host_bytes,
            .weight_bytes = model.weight_bytes,
            .step = LargestStep(config, model),
            .hint = config.dtype == "bf16" ? "" : ", or choose --dtype=bf16",
            .budgets = {{"--kv-memory", config.kv_memory, kGiB, &budgets.kv},
                        {"--device-memory", config.device_memory, 2 * kGiB,
                         &budgets.device},
                        {"--merged-memory", config.merged_memory, 2 * kGiB,
                         &budgets.merged}}};
  if (machine.device_bytes.has_value()) {
    pool.name = "device memory";
    pool.bytes = *machine.device_bytes;
    LORA_RETURN_IF_ERROR(Share(
        {.name = "memory", .bytes = machine.host_bytes, .budgets = {host}}));
  } else {
    pool.budgets.push_back(host);
  }
  LORA_RETURN_IF_ERROR(Share(pool));
  LORA_RETURN_IF_ERROR(CheckLoading(machine, model));
  LORA_RETURN_IF_ERROR(CheckKeysAndValues(config, pool, budgets.kv,
                                          kMinKvBlocks * model.kv_block_bytes));
  return budgets;
}

}  // namespace lora
