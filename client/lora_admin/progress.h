// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_LORA_ADMIN_PROGRESS_H_
#define LORA_CLIENT_LORA_ADMIN_PROGRESS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <thread>

#include "client/canceller.h"
#include "client/client.h"

namespace lora::admin {

// kAuto: when standard error is a terminal.
enum class ProgressMode : uint8_t { kAuto, kAlways, kNever };

// "--progress auto|always|never".
void AddProgressFlag(CLI::App& app, ProgressMode& value);

// Shows on standard error how far the load of one adapter is, for as long as
// it lives: a watch beside the load.
class LoadProgress {
 public:
  // `client` must outlive it.
  LoadProgress(Client& client, const std::string& adapter_id,
               ProgressMode mode);
  ~LoadProgress();
  LoadProgress(const LoadProgress&) = delete;
  LoadProgress& operator=(const LoadProgress&) = delete;

 private:
  CallCanceller canceller_;
  std::thread watcher_;  // Not joinable: nothing is shown.
};

}  // namespace lora::admin

#endif  // LORA_CLIENT_LORA_ADMIN_PROGRESS_H_
