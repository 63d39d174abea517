// SPDX-License-Identifier: Apache-2.0
#include "server/base/deferred.h"

#include <string>

#include "gtest/gtest.h"
#include "server/base/mutex.h"

namespace lora {
namespace {

TEST(DeferredTest, ActionsRunInOrderAtTheEndOfTheScope) {
  std::string order;
  {
    Deferred deferred;
    deferred.Add([&] { order += "b"; });
    deferred.Add([&] { order += "c"; });
    order += "a";
  }
  EXPECT_EQ(order, "abc");
}

TEST(DeferredTest, ActionsRunAfterALockDeclaredLater) {
  Mutex mu;
  bool ran = false;
  {
    Deferred deferred;
    MutexLock lock(mu);
    deferred.Add([&] {
      MutexLock again(mu);  // Would deadlock under the first lock.
      ran = true;
    });
  }
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace lora
