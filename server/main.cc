// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/version.h"
#include "server/config.h"
#include "server/wiring.h"

namespace {

// Both signals are blocked in every thread and waited for here.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

// Waits for signals on a thread of its own: the first one starts the drain, or
// ends the process if the server is not ready; the second ends it at once.
class StopSignals {
 public:
  StopSignals() : signals_(BlockStopSignals()) {
    std::thread([this] { Run(); }).detach();
  }

  // From now on the first signal is what Wait returns.
  void SetReady() { ready_.store(true); }
  int Wait() { return first_.get_future().get(); }

 private:
  void Run() {
    const int first = WaitForSignal(signals_);
    if (!ready_.load()) Exit("stopped_while_starting", first);
    first_.set_value(first);
    Exit("ended_by_second_signal", WaitForSignal(signals_));
  }

  [[noreturn]] static void Exit(const char* event, int signal) {
    lora::LogWarn(event, {{"signal", signal}});
    std::_Exit(128 + signal);
  }

  const sigset_t signals_;
  std::atomic<bool> ready_{false};
  std::promise<int> first_;
};

int Serve(const lora::Config& config) {
  // Never destroyed: its thread waits until the process ends.
  static auto* const signals = new StopSignals();
  lora::LogInfo("starting",
                {{"version", lora::Version()}, {"model", config.model}});
  absl::StatusOr<std::unique_ptr<lora::Server>> server =
      lora::Server::Start(config, [] { signals->SetReady(); });
  if (!server.ok()) {
    const absl::Status& status = server.status();
    lora::LogError(
        "start_failed",
        {{"code", absl::StatusCodeToString(status.code())},
         {"reason", lora::ErrorReasonName(lora::GetErrorReason(status))},
         {"error", status.message()}});
    return 1;
  }
  const int signal = signals->Wait();
  lora::LogInfo("draining",
                {{"signal", signal},
                 {"timeout", absl::FormatDuration(config.drain_timeout)}});
  (*server)->Stop(absl::Now() + config.drain_timeout);
  server->reset();
  lora::LogInfo("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::variant<lora::Config, lora::ExitNow> parsed =
      lora::ParseConfig(argc, argv);
  if (const auto* exit = std::get_if<lora::ExitNow>(&parsed)) {
    return exit->code;
  }
  const auto& config = std::get<lora::Config>(parsed);
  lora::SetUpLogging(config.log_level, config.log_format == "json"
                                           ? lora::LogFormat::kJson
                                           : lora::LogFormat::kText);
  return Serve(config);
}
