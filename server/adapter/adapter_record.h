// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_RECORD_H_
#define LORA_SERVER_ADAPTER_ADAPTER_RECORD_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/adapter_lifecycle.h"
#include "server/adapter/adapter_plane.h"
#include "server/adapter/adapter_version.h"
#include "server/adapter/store/host_reader.h"
#include "server/base/timer_queue.h"

namespace lora {

// What AdapterManager keeps; all of it is guarded by the manager's mutex.

// One load of one adapter, for everybody who waits for it.
struct LoadJob {
  LoadAdapterSpec spec;
  bool on_demand = false;   // Of what is declared; otherwise somebody's Load.
  bool background = false;  // Goes on without waiters: a declared, pinned one.
  bool closed = false;      // It serves or has failed: joins come too late.
  AdapterState state_before = AdapterState::kLoading;  // When it started.
  std::set<WaitId> waits;
  absl::Time start_time;
  double progress = 0.0;
  absl::Status cancelled;                     // Not OK: it is to end with this.
  std::shared_ptr<HostReader::Read> read;     // Set when it starts.
  std::shared_ptr<AdapterVersion> candidate;  // Set when its content is known.
};

// An unload under way.
struct Drain {
  UnloadAdapterSpec spec;
  WaitId wait;
  std::optional<TimerId> timer;
  bool cancelling = false;  // CancelUsers runs.
  bool finishing = false;   // Nobody uses it any more.
  UnloadResult result;      // So far.
};

// One adapter: its versions and what happens to it.
struct AdapterRecord {
  explicit AdapterRecord(AdapterState state) : lifecycle(state) {}

  AdapterId id;
  std::string source;  // Of the serving version, or as declared.
  AdapterLoadOptions options;
  // What a declared adapter must have; empty: not known yet.
  std::string declared_digest;
  bool declared = false;  // Stays when its load fails.
  bool pinned = false;
  WarmTier warm_tier = WarmTier::kDisk;
  std::map<std::string, std::string> labels;
  AdapterLifecycle lifecycle;
  absl::Status error;

  std::shared_ptr<AdapterVersion> serving;  // Null before the first load.
  // Replaced, but still leased.
  std::vector<std::shared_ptr<AdapterVersion>> retired;
  int64_t num_discarding = 0;  // Replaced; their memory is being given back.
  std::shared_ptr<LoadJob> job;
  std::deque<std::shared_ptr<LoadJob>> queued_jobs;  // After `job`.
  std::shared_ptr<Drain> drain;

  int64_t requests_total = 0;
  absl::Time create_time = absl::InfinitePast();
  absl::Time last_used_time = absl::InfinitePast();

  int64_t num_leases() const {
    int64_t sum = serving == nullptr ? 0 : serving->num_leases;
    for (const auto& version : retired) sum += version->num_leases;
    return sum;
  }
};

// Who waits for what. Whoever takes a wait out of the table calls `done`.
struct LoadWait {
  LoadAdapterSpec spec;
  std::shared_ptr<LoadJob> job;
  absl::Status applied;  // Of pinned, labels and warm tier.
  AdapterPlane::InfoCallback done;
};
struct ValidateWait {
  std::shared_ptr<HostReader::Read> read;
  AdapterPlane::InfoCallback done;
};
struct LeaseWait {
  std::vector<AdapterId> ids;
  std::vector<std::shared_ptr<LoadJob>> jobs;
  AdapterPlane::LeaseCallback done;
};
struct UnloadWait {
  AdapterPlane::UnloadCallback done;
};
using Wait = std::variant<LoadWait, ValidateWait, LeaseWait, UnloadWait>;

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_RECORD_H_
