// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_STRESS_CHURN_H_
#define LORA_TESTS_STRESS_CHURN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/client.h"
#include "tests/stress/adapter_history.h"
#include "tests/stress/tally.h"
#include "tests/stress/traffic.h"

namespace lora {

// Changes adapters at random while others use them: loads, replaces, merges,
// unmerges, pins and unloads. One object at a time may own an id.
class Churn {
 public:
  // All must outlive the object.
  struct Parts {
    Client& client;
    const StressAdapters& adapters;
    AdapterHistory& history;
    Tally& tally;
  };

  // `ids`: those that it changes.
  Churn(const Parts& parts, std::vector<std::string> ids, uint64_t seed);

  // One operation for every few answers, until the tally is done.
  void Run();

 private:
  void Load();
  void Unload();
  void Merge();
  void Unmerge();
  void Pin();
  // How an operation may end, besides well.
  enum class MayEnd : uint8_t { kOnlyWell, kNotFound, kInUse };

  // Counts what an operation ended with: whether it ended well.
  bool Count(const char* kind, const absl::Status& status, MayEnd may_end);
  // An operation on an adapter finds it if it is loaded.
  MayEnd UnlessLoaded(const std::string& id) const;
  // What may be merged: an own id, or the twins.
  std::vector<v1::AdapterWeight> RandomComponents();

  const Parts parts_;
  const std::vector<std::string> ids_;
  StressRandom random_;
};

}  // namespace lora

#endif  // LORA_TESTS_STRESS_CHURN_H_
