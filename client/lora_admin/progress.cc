// SPDX-License-Identifier: Apache-2.0
#include "client/lora_admin/progress.h"

#include <unistd.h>

#include <iostream>

#include "absl/strings/str_format.h"
#include "client/flags/choice.h"

namespace lora::admin {
namespace {

bool IsTerminal() { return isatty(STDERR_FILENO) == 1; }

bool IsShown(ProgressMode mode) {
  if (mode == ProgressMode::kAuto) return IsTerminal();
  return mode == ProgressMode::kAlways;
}

// On a terminal each call overwrites what the last one wrote; a log gets lines.
void Show(const v1::Adapter& adapter) {
  if (!adapter.has_pending()) return;
  const std::string text =
      absl::StrFormat("loading %s %3.0f%%", adapter.adapter_id(),
                      100 * adapter.pending().progress());
  if (IsTerminal()) {
    std::cerr << "\r" << text << std::flush;
  } else {
    std::cerr << text << std::endl;
  }
}

}  // namespace

void AddProgressFlag(CLI::App& app, ProgressMode& value) {
  AddChoice(app, "--progress", value,
            {{"auto", ProgressMode::kAuto},
             {"always", ProgressMode::kAlways},
             {"never", ProgressMode::kNever}},
            "Show how far it is; auto: on a terminal");
}

LoadProgress::LoadProgress(Client& client, const std::string& adapter_id,
                           ProgressMode mode) {
  if (!IsShown(mode)) return;
  watcher_ = std::thread([this, &client, adapter_id] {
    // How the watch ends does not matter: the load itself says what happened.
    client
        .WatchAdapters(
            [&adapter_id](const v1::AdapterEvent& event) {
              if (event.adapter().adapter_id() == adapter_id) {
                Show(event.adapter());
              }
              return StreamAction::kContinue;
            },
            {.canceller = &canceller_})
        .IgnoreError();
  });
}

LoadProgress::~LoadProgress() {
  if (!watcher_.joinable()) return;
  canceller_.Cancel();
  watcher_.join();
  if (IsTerminal()) std::cerr << "\r\x1B[K" << std::flush;  // Clears the line.
}

}  // namespace lora::admin
