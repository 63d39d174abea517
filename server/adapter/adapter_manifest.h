// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_MANIFEST_H_
#define LORA_SERVER_ADAPTER_ADAPTER_MANIFEST_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/adapter_info.h"
#include "server/base/file_lock.h"
#include "server/base/mutex.h"

namespace lora {

// An adapter that is to be served: what a restart needs to know of it.
struct DeclaredAdapter {
  AdapterId id;
  std::string source;
  // Of the content it must have; empty: whatever the files hold at first load.
  std::string digest;
  AdapterLoadOptions options;
  bool pinned = false;
  WarmTier warm_tier = WarmTier::kDisk;
  std::map<std::string, std::string> labels;
};

// The declared adapters as a JSON file, `adapters.json` in the state folder.
// Written atomically: a crash leaves the old list or the new. Thread-safe.
class AdapterManifest {
 public:
  // An empty folder name makes a manifest that holds nothing.
  explicit AdapterManifest(const std::string& state_dir);

  // Makes the folder if it is not there, and returns what was saved last.
  // Writes that back, so that a folder that keeps nothing is found before
  // anybody relies on it. Holds the folder from then on: two servers would
  // overwrite each other's lists.
  //
  // FAILED_PRECONDITION (PATH): the folder or the file cannot be written, or
  // another server keeps its list there; or as Load.
  absl::StatusOr<std::vector<DeclaredAdapter>> Open() ABSL_LOCKS_EXCLUDED(mu_);

  // What was saved last; nothing if there is no file yet.
  //
  // FAILED_PRECONDITION (CONFIG_SYNTAX, CONFIG_FIELD): the file cannot be read
  // as a manifest; the message says where and what to do.
  absl::StatusOr<std::vector<DeclaredAdapter>> Load() const;

  // Replaces the list, unless one of a higher `sequence` was saved already.
  // What Load could not read is not written: the old list stays.
  //
  // RESOURCE_EXHAUSTED (QUOTA): over 64 MiB. INVALID_ARGUMENT (ALPHA): an alpha
  // that is not finite. As WriteFileAtomically.
  absl::Status Save(const std::vector<DeclaredAdapter>& adapters,
                    uint64_t sequence) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status Write(const std::vector<DeclaredAdapter>& adapters) const;

  const std::string state_dir_;  // Empty: nothing is kept.
  const std::string path_;
  Mutex mu_;
  FileLock held_ ABSL_GUARDED_BY(mu_);
  uint64_t saved_sequence_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_MANIFEST_H_
