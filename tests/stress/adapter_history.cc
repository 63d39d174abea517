// SPDX-License-Identifier: Apache-2.0
#include "tests/stress/adapter_history.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace lora {

int64_t AdapterHistory::BeginLoad(const std::string& id,
                                  const std::string& skill) {
  const std::lock_guard<std::mutex> lock(mu_);
  const int64_t load = ++num_loads_;
  adapters_[id].versions.push_back(
      {.load = load, .skill = skill, .begin = absl::Now()});
  return load;
}

void AdapterHistory::EndLoad(const std::string& id, int64_t load) {
  const std::lock_guard<std::mutex> lock(mu_);
  const absl::Time now = absl::Now();
  Adapter& adapter = adapters_[id];
  for (Version& version : adapter.versions) {
    if (version.load != load) version.end = std::min(version.end, now);
  }
  Absence& last = adapter.absences.back();
  last.end = std::min(last.end, now);
  adapter.loaded = true;
}

void AdapterHistory::BeginUnload(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mu_);
  Adapter& adapter = adapters_[id];
  if (adapter.loaded) adapter.absences.push_back({.begin = absl::Now()});
}

void AdapterHistory::EndUnload(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mu_);
  const absl::Time now = absl::Now();
  Adapter& adapter = adapters_[id];
  for (Version& version : adapter.versions) {
    version.end = std::min(version.end, now);
  }
  adapter.loaded = false;
}

void AdapterHistory::AbandonUnload(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mu_);
  Adapter& adapter = adapters_[id];
  if (adapter.loaded) adapter.absences.back().end = absl::Now();
}

bool AdapterHistory::IsLoaded(const std::string& id) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const Adapter* const adapter = Find(id);
  return adapter != nullptr && adapter->loaded;
}

std::vector<std::string> AdapterHistory::SkillsOf(const std::string& id,
                                                  absl::Time from,
                                                  absl::Time to) const {
  const std::lock_guard<std::mutex> lock(mu_);
  std::vector<std::string> skills;
  const Adapter* const adapter = Find(id);
  if (adapter == nullptr) return skills;
  for (const Version& version : adapter->versions) {
    if (version.begin <= to && version.end >= from) {
      skills.push_back(version.skill);
    }
  }
  return skills;
}

bool AdapterHistory::MayRefuse(const std::string& id, absl::Time from,
                               absl::Time to) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const Adapter* const adapter = Find(id);
  return adapter == nullptr ||
         std::any_of(adapter->absences.begin(), adapter->absences.end(),
                     [&](const Absence& absence) {
                       return absence.begin <= to && absence.end >= from;
                     });
}

const AdapterHistory::Adapter* AdapterHistory::Find(
    const std::string& id) const {
  const auto it = adapters_.find(id);
  return it == adapters_.end() ? nullptr : &it->second;
}

}  // namespace lora
