// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_lifecycle.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {
namespace {

struct Step {
  AdapterState from;
  AdapterState to;

  friend bool operator==(const Step&, const Step&) = default;
};

constexpr Step kSteps[] = {
    // A load ends: a version serves, or none does and the error says why.
    {AdapterState::kLoading, AdapterState::kReady},
    {AdapterState::kLoading, AdapterState::kFailed},
    // The first load of a declared adapter; another try after a failure.
    {AdapterState::kReady, AdapterState::kLoading},
    {AdapterState::kFailed, AdapterState::kLoading},
    // An unload begins; it ends with the record, or gives up.
    {AdapterState::kLoading, AdapterState::kDraining},
    {AdapterState::kReady, AdapterState::kDraining},
    {AdapterState::kFailed, AdapterState::kDraining},
    {AdapterState::kDraining, AdapterState::kReady},
};

}  // namespace

absl::string_view AdapterStateName(AdapterState state) {
  switch (state) {
    case AdapterState::kLoading:
      return "LOADING";
    case AdapterState::kReady:
      return "READY";
    case AdapterState::kDraining:
      return "DRAINING";
    case AdapterState::kFailed:
      return "FAILED";
  }
  return "UNKNOWN";
}

absl::Status AdapterLifecycle::Transition(AdapterState from, AdapterState to) {
  const bool legal = std::find(std::begin(kSteps), std::end(kSteps),
                               Step{from, to}) != std::end(kSteps);
  if (state_ != from || !legal) {
    return Error(
        absl::StatusCode::kFailedPrecondition, ErrorReason::kState,
        absl::StrCat("the adapter is ", AdapterStateName(state_),
                     "; there is no step from ", AdapterStateName(from), " to ",
                     AdapterStateName(to), " for it"));
  }
  state_ = to;
  return absl::OkStatus();
}

}  // namespace lora
