// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_SAMPLE_H_
#define LORA_BENCH_LOADGEN_SAMPLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lora/v1/generation_service.pb.h"

namespace lora::loadgen {

// What one request saw.
struct Sample {
  std::string adapter;  // Empty: the base.
  absl::Status status;
  // From when the request was due; so waiting for a free sender counts.
  absl::Duration first_token;
  absl::Duration total;
  // Between tokens; tokens that come in one message share its gap.
  std::vector<absl::Duration> gaps;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;
};

// Fills the sample of one request from its stream. Not thread-safe.
class SampleRecorder {
 public:
  SampleRecorder(std::string adapter, absl::Time due);

  void OnMessage(const v1::GenerateResponse& message, absl::Time now);
  // The sample of a request that ended with `status`.
  Sample Finish(absl::Status status, absl::Time now) &&;

 private:
  void OnTokens(int64_t count, absl::Time now);

  const absl::Time due_;
  absl::Time last_token_;
  int64_t num_tokens_ = 0;
  Sample sample_;
};

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_SAMPLE_H_
