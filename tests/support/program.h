// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_SUPPORT_PROGRAM_H_
#define LORA_TESTS_SUPPORT_PROGRAM_H_

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lora {

// A process that runs beside the test; killed, if it still runs, when the
// object or the test's process ends. Thread-safe, except for Wait.
class Program {
 public:
  enum class Output : uint8_t { kStdout, kStderr };

  // Runs argv[0]; the lines that it writes to `output` are kept, the other
  // output goes where the test's does.
  Program(const std::vector<std::string>& argv, Output output);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Waits for the end. What it exited with; 128 + n if signal n ended it.
  int Wait();
  // Whether Wait has returned.
  bool ended() const { return exit_code_.has_value(); }

  // Waits for a line that contains `text`, which may have been there before.
  // Nothing: the program ended, or `timeout` passed, without one.
  std::optional<std::string> WaitForLine(
      absl::string_view text, absl::Duration timeout = absl::Minutes(1));
  // Waits until the line that it has not ended yet contains `text`. False: a
  // minute has passed.
  bool WaitForUnfinishedLine(absl::string_view text);
  // Waits until it has closed its output, which a program does when it ends.
  // False: `timeout` passed.
  bool WaitForEnd(absl::Duration timeout);
  // All lines so far, for messages.
  std::string output();

 private:
  void ReadLines(int fd);
  std::optional<std::string> FindLine(absl::string_view text) const;

  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::string last_line_;  // Not ended yet.
  bool output_ended_ = false;

  pid_t pid_ = 0;
  std::optional<int> exit_code_;
  std::thread reader_;
};

struct ProgramResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs argv[0] to its end, with `input` as standard input.
ProgramResult RunProgram(const std::vector<std::string>& argv,
                         absl::string_view input = "");

}  // namespace lora

#endif  // LORA_TESTS_SUPPORT_PROGRAM_H_
