// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_lifecycle.h"

#include <set>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

constexpr AdapterState kAll[] = {AdapterState::kLoading, AdapterState::kReady,
                                 AdapterState::kDraining,
                                 AdapterState::kFailed};

std::string Name(AdapterState from, AdapterState to) {
  return std::string(AdapterStateName(from)) + ">" +
         std::string(AdapterStateName(to));
}

TEST(AdapterLifecycleTest, TheStepsOfThePictureAndNoOthersAreTaken) {
  const std::set<std::string> legal = {
      "LOADING>READY",    "LOADING>FAILED", "READY>LOADING",   "FAILED>LOADING",
      "LOADING>DRAINING", "READY>DRAINING", "FAILED>DRAINING", "DRAINING>READY",
  };
  for (const AdapterState from : kAll) {
    for (const AdapterState to : kAll) {
      AdapterLifecycle lifecycle(from);
      const absl::Status status = lifecycle.Transition(from, to);
      EXPECT_EQ(status.ok(), legal.contains(Name(from, to))) << Name(from, to);
      EXPECT_EQ(lifecycle.state(), status.ok() ? to : from);
    }
  }
}

TEST(AdapterLifecycleTest, AStepFromAnotherStateIsRefused) {
  AdapterLifecycle lifecycle(AdapterState::kLoading);
  EXPECT_THAT(
      lifecycle.Transition(AdapterState::kReady, AdapterState::kDraining),
      StatusIs(absl::StatusCode::kFailedPrecondition, ErrorReason::kState));
  EXPECT_EQ(lifecycle.state(), AdapterState::kLoading);
}

}  // namespace
}  // namespace lora
