// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_MERGE_POLICY_H_
#define LORA_SERVER_LORA_MERGE_POLICY_H_

#include <cstdint>
#include <limits>

#include "absl/types/span.h"
#include "server/adapter/execution_pins.h"
#include "server/lora/lora_weights.h"

namespace lora {

// What the machine can do, roughly; only ratios matter.
struct MachineModel {
  double bytes_per_second = 25e9;   // Reading weights.
  double flops_per_second = 150e9;  // Multiplying them, many rows at once.
  int64_t bytes_per_parameter = 4;
};

// The size of a request's adapters.
struct MergeFootprint {
  int64_t adapter_parameters = 0;   // Sum of rank * (in + out).
  int64_t targeted_parameters = 0;  // Sum of in * out, each module once.
  int64_t merge_multiplies = 0;     // Sum of rank * in * out.
};

MergeFootprint FootprintOf(absl::Span<const LoraWeights* const> adapters);

// A request that may run on either path, and what runs beside it.
struct MergeQuestion {
  int64_t num_prompt_tokens = 0;
  int64_t max_new_tokens = 0;
  MergeFootprint footprint;
  bool has_copy = false;  // A merged copy of its set exists.
  // What a new copy may take; see MergedWeightCache::room_bytes.
  int64_t room_bytes = std::numeric_limits<int64_t>::max();
  int64_t num_sharing = 0;  // Running requests on that copy.
  int64_t num_other = 0;    // Running requests on other weights.
};

// Decides how AUTO runs: on the merged copy if that is expected to cost less.
//
//   saved = 2 S p / phi + T s p / beta
//   paid  = [no copy] max(2 s P / beta, 2 m / phi)
//         + [others, none sharing] (T + max(0, 1 - S / R)) s P / beta
//   merged iff saved > paid, and a copy that has to be built has room
//
// S, T: prompt and new tokens. p, P, m: adapter parameters, targeted parameters
// and multiplies of the footprint. s: bytes per parameter; beta, phi: bytes and
// floating-point operations per second. R = phi s / (2 beta): rows from which a
// matrix product is bound by arithmetic, so that a second matrix for them costs
// nothing more.
//
// The first line is what the unmerged path adds: its arithmetic over the prompt
// and its bytes in each step. The second is building the copy; the third,
// reading the targeted matrices once more in each step that also holds requests
// on other weights. Pure.
ExecutionPath ChooseMergePath(const MachineModel& machine,
                              const MergeQuestion& question);

}  // namespace lora

#endif  // LORA_SERVER_LORA_MERGE_POLICY_H_
