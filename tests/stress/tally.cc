// SPDX-License-Identifier: Apache-2.0
#include "tests/stress/tally.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/status.h"

namespace lora {
bool Tally::Done() const {
  return num_right_ >= num_answers_wanted_ || !wrong_.empty();
}

bool Tally::done() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return Done();
}

void Tally::CountRight(int64_t cached_tokens) {
  const std::lock_guard<std::mutex> lock(mu_);
  ++num_right_;
  cached_tokens_ += cached_tokens;
  changed_.notify_all();
}

void Tally::CountWrong(const std::string& what) {
  const std::lock_guard<std::mutex> lock(mu_);
  wrong_.push_back(what);
  changed_.notify_all();
}

void Tally::CountRefused(const absl::Status& status) {
  const std::lock_guard<std::mutex> lock(mu_);
  ++refused_[absl::StrCat(absl::StatusCodeToString(status.code()), " ",
                          ReasonOf(status))];
}

void Tally::CountOperation(absl::string_view kind) {
  const std::lock_guard<std::mutex> lock(mu_);
  ++operations_[std::string(kind)];
}

void Tally::WaitForAnswers(int64_t num_answers) {
  std::unique_lock<std::mutex> lock(mu_);
  changed_.wait(lock, [&] { return num_right_ >= num_answers || Done(); });
}

int64_t Tally::num_right() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return num_right_;
}

int64_t Tally::cached_tokens() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return cached_tokens_;
}

std::vector<std::string> Tally::wrong() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return wrong_;
}

std::string Tally::Summary() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return absl::StrCat(num_right_, " answers, ", wrong_.size(), " wrong; ",
                      cached_tokens_,
                      " tokens of prompts cached; refused: ", Format(refused_),
                      "; operations: ", Format(operations_));
}

std::string Tally::Format(const Counts& counts) {
  return absl::StrJoin(counts, ", ", absl::PairFormatter(" "));
}

}  // namespace lora
