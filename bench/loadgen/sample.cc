// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/sample.h"

#include <utility>

namespace lora::loadgen {

SampleRecorder::SampleRecorder(std::string adapter, absl::Time due)
    : due_(due), last_token_(due) {
  sample_.adapter = std::move(adapter);
}

void SampleRecorder::OnMessage(const v1::GenerateResponse& message,
                               absl::Time now) {
  int64_t count = message.token_ids_size();
  if (message.has_usage()) {
    const v1::Usage& usage = message.usage();
    sample_.prompt_tokens = usage.prompt_tokens();
    sample_.cached_tokens = usage.cached_tokens();
    sample_.completion_tokens = usage.completion_tokens();
    // End tokens are counted and not sent.
    count = sample_.completion_tokens - num_tokens_;
  }
  OnTokens(count, now);
}

void SampleRecorder::OnTokens(int64_t count, absl::Time now) {
  if (count <= 0) return;
  if (num_tokens_ == 0) {
    sample_.first_token = now - due_;
    sample_.gaps.insert(sample_.gaps.end(), count - 1, absl::ZeroDuration());
  } else {
    sample_.gaps.insert(sample_.gaps.end(), count, (now - last_token_) / count);
  }
  num_tokens_ += count;
  last_token_ = now;
}

Sample SampleRecorder::Finish(absl::Status status, absl::Time now) && {
  sample_.status = std::move(status);
  sample_.total = now - due_;
  return std::move(sample_);
}

}  // namespace lora::loadgen
