// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_STRESS_ADAPTER_HISTORY_H_
#define LORA_TESTS_STRESS_ADAPTER_HISTORY_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace lora {

// Which content each adapter id may have answered with, and when: the reference
// that the stress test compares the server to. A new content may answer from
// the call that loads it; the old one until that call has returned. Loads and
// unloads of one id must come one after the other. Thread-safe.
class AdapterHistory {
 public:
  // What `id` may be was asked to become `skill`. Returns a name for that.
  int64_t BeginLoad(const std::string& id, const std::string& skill);
  // It has: what `id` was before answers no more requests.
  void EndLoad(const std::string& id, int64_t load);

  // `id` was asked to go: from now on it may refuse requests.
  void BeginUnload(const std::string& id);
  // Nothing answers for `id` any more.
  void EndUnload(const std::string& id);
  // It has stayed, and serves as before.
  void AbandonUnload(const std::string& id);

  // Whether `id` is loaded now, as far as its only loader knows.
  bool IsLoaded(const std::string& id) const;
  // The skills that may have answered a request for `id` that ran in this time.
  std::vector<std::string> SkillsOf(const std::string& id, absl::Time from,
                                    absl::Time to) const;
  // Whether such a request may have been refused, because `id` was not there or
  // about to go.
  bool MayRefuse(const std::string& id, absl::Time from, absl::Time to) const;

 private:
  struct Version {
    int64_t load = 0;
    std::string skill;
    absl::Time begin;
    absl::Time end = absl::InfiniteFuture();
  };
  struct Absence {
    absl::Time begin;
    absl::Time end = absl::InfiniteFuture();
  };
  struct Adapter {
    std::vector<Version> versions;
    // The last one goes on if the adapter is not there now.
    std::vector<Absence> absences = {{.begin = absl::InfinitePast()}};
    bool loaded = false;
  };

  const Adapter* Find(const std::string& id) const;

  mutable std::mutex mu_;
  int64_t num_loads_ = 0;
  absl::flat_hash_map<std::string, Adapter> adapters_;
};

}  // namespace lora

#endif  // LORA_TESTS_STRESS_ADAPTER_HISTORY_H_
