// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_ADAPTER_ADAPTER_MANAGER_FIXTURE_H_
#define LORA_TESTS_UNIT_ADAPTER_ADAPTER_MANAGER_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>

#include "server/adapter/adapter_manager.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"

namespace lora {

// A manager over fakes, whose books agree when the test ends.
class AdapterManagerFixture : public ::testing::Test {
 protected:
  ~AdapterManagerFixture() override { EXPECT_OK(manager_.CheckIntegrity()); }

  // The adapter as it is now; one that is unknown fails the test.
  AdapterInfo Get(const std::string& id) {
    absl::StatusOr<AdapterInfo> info = manager_.Get(AdapterId(id));
    EXPECT_OK(info);
    return info.value_or(AdapterInfo());
  }

  TestPlane plane_;
  AdapterManager& manager_ = plane_.manager();
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_ADAPTER_ADAPTER_MANAGER_FIXTURE_H_
