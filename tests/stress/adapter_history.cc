// SPDX-License-Identifier: Apache-2.0
#include "tests/stress/adapter_history.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace lora {

int64_t AdapterHistory::BeginLoad(const std::string& id,
                                  const std::string& skill) {
  const std::lock_guard<std::mutex> lock(mu_);
  const int64_t load = ++num_loads_;
  versions_[id].push_back({.load = load, .skill = skill, .begin = absl::Now()});
  return load;
}

void AdapterHistory::EndLoad(const std::string& id, int64_t load) {
  const std::lock_guard<std::mutex> lock(mu_);
  const absl::Time now = absl::Now();
  for (Version& version : versions_[id]) {
    if (version.load != load) version.end = std::min(version.end, now);
  }
}

void AdapterHistory::AbandonLoad(const std::string& id, int64_t load) {
  const std::lock_guard<std::mutex> lock(mu_);
  std::erase_if(versions_[id], [load](const Version& version) {
    return version.load == load;
  });
}

void AdapterHistory::EndUnload(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mu_);
  const absl::Time now = absl::Now();
  for (Version& version : versions_[id]) {
    version.end = std::min(version.end, now);
  }
}

bool AdapterHistory::Allows(const std::string& id, const std::string& skill,
                            absl::Time from, absl::Time to) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = versions_.find(id);
  return found != versions_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const Version& version) {
                       return version.skill == skill && version.begin <= to &&
                              version.end >= from;
                     });
}

}  // namespace lora
