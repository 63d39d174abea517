// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_STRESS_TALLY_H_
#define LORA_TESTS_STRESS_TALLY_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lora {

// What happened in a stress run. Thread-safe.
class Tally {
 public:
  // The run ends after `num_answers` checked answers.
  explicit Tally(int64_t num_answers) : num_answers_wanted_(num_answers) {}

  bool done() const;
  // An answer was right; `cached_tokens` of its prompt came from the cache.
  void CountRight(int64_t cached_tokens);
  // `what` says which answer to what was wrong; also ends the run.
  void CountWrong(const std::string& what);
  // A request or an operation was refused, for a reason that is all right.
  void CountRefused(const absl::Status& status);
  void CountOperation(absl::string_view kind);

  // Waits until so many answers were right, or the run ends.
  void WaitForAnswers(int64_t num_answers);

  int64_t num_right() const;
  int64_t cached_tokens() const;
  std::vector<std::string> wrong() const;
  // "10000 answers, 0 wrong; refused: …; operations: …".
  std::string Summary() const;

 private:
  using Counts = std::map<std::string, int64_t>;

  bool Done() const;
  static std::string Format(const Counts& counts);

  const int64_t num_answers_wanted_;
  mutable std::mutex mu_;
  std::condition_variable changed_;
  int64_t num_right_ = 0;
  int64_t cached_tokens_ = 0;
  std::vector<std::string> wrong_;
  Counts refused_;
  Counts operations_;
};

}  // namespace lora

#endif  // LORA_TESTS_STRESS_TALLY_H_
