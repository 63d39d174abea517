// SPDX-License-Identifier: Apache-2.0
#include "tests/support/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace lora {
namespace {

// What the shell says when there is no such program.
constexpr int kCannotRun = 127;
constexpr int kSignalBase = 128;
constexpr absl::Duration kPatience = absl::Minutes(1);

// Standard input, output and error of a new process; -1: the test's own.
struct Standard {
  int in = -1;
  int out = -1;
  int err = -1;
};

void Redirect(int from, int to) {
  if (from >= 0) ::dup2(from, to);
}

pid_t Spawn(const std::vector<std::string>& argv, const Standard& standard) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  // Only async-signal-safe calls: the parent has threads.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGINT, SIG_DFL);  // A shell's background jobs ignore it.
  Redirect(standard.in, STDIN_FILENO);
  Redirect(standard.out, STDOUT_FILENO);
  Redirect(standard.err, STDERR_FILENO);
  ::execv(arguments[0], arguments.data());
  ::_exit(kCannotRun);
}

int WaitForExit(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? kSignalBase + WTERMSIG(status)
                             : WEXITSTATUS(status);
}

// An anonymous file.
class ScratchFile {
 public:
  ScratchFile() : file_(std::tmpfile()) {}
  ~ScratchFile() { std::fclose(file_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  int fd() const { return ::fileno(file_); }
  void Fill(absl::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file_);
    std::rewind(file_);
  }
  std::string Read() {
    std::rewind(file_);
    std::string text;
    std::array<char, 4096> buffer;
    size_t n = 0;
    while ((n = std::fread(buffer.data(), 1, buffer.size(), file_)) > 0) {
      text.append(buffer.data(), n);
    }
    return text;
  }

 private:
  std::FILE* file_;
};

}  // namespace

Program::Program(const std::vector<std::string>& argv, Output output) {
  std::array<int, 2> pipe;
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
  Standard standard;
  (output == Output::kStdout ? standard.out : standard.err) = pipe[1];
  pid_ = Spawn(argv, standard);
  ::close(pipe[1]);
  reader_ = std::thread([this, fd = pipe[0]] { ReadLines(fd); });
}

Program::~Program() {
  if (!exit_code_.has_value()) {
    Signal(SIGKILL);
    Wait();
  }
  reader_.join();
}

void Program::Signal(int signal) const { ::kill(pid_, signal); }

int Program::Wait() {
  if (!exit_code_.has_value()) exit_code_ = WaitForExit(pid_);
  return *exit_code_;
}

std::optional<std::string> Program::WaitForLine(absl::string_view text,
                                                absl::Duration timeout) {
  std::optional<std::string> line;
  std::unique_lock<std::mutex> lock(mu_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout), [&] {
    line = FindLine(text);
    return line.has_value() || output_ended_;
  });
  return line;
}

bool Program::WaitForEnd(absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(mu_);
  return changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                           [&] { return output_ended_; });
}

bool Program::WaitForUnfinishedLine(absl::string_view text) {
  std::unique_lock<std::mutex> lock(mu_);
  return changed_.wait_for(lock, absl::ToChronoNanoseconds(kPatience),
                           [&] { return absl::StrContains(last_line_, text); });
}

std::string Program::output() {
  const std::lock_guard<std::mutex> lock(mu_);
  return absl::StrCat(absl::StrJoin(lines_, "\n"), "\n", last_line_);
}

void Program::ReadLines(int fd) {
  std::array<char, 4096> buffer;
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) > 0) {
    const std::lock_guard<std::mutex> lock(mu_);
    last_line_.append(buffer.data(), static_cast<size_t>(n));
    std::vector<std::string> lines = absl::StrSplit(last_line_, '\n');
    last_line_ = std::move(lines.back());
    lines.pop_back();
    std::move(lines.begin(), lines.end(), std::back_inserter(lines_));
    changed_.notify_all();
  }
  ::close(fd);
  const std::lock_guard<std::mutex> lock(mu_);
  output_ended_ = true;
  changed_.notify_all();
}

std::optional<std::string> Program::FindLine(absl::string_view text) const {
  for (const std::string& line : lines_) {
    if (absl::StrContains(line, text)) return line;
  }
  return std::nullopt;
}

ProgramResult RunProgram(const std::vector<std::string>& argv,
                         absl::string_view input) {
  ScratchFile in;
  ScratchFile out;
  ScratchFile err;
  in.Fill(input);
  const pid_t pid =
      Spawn(argv, {.in = in.fd(), .out = out.fd(), .err = err.fd()});
  const int exit_code = WaitForExit(pid);
  return {.exit_code = exit_code, .out = out.Read(), .err = err.Read()};
}

}  // namespace lora
