// SPDX-License-Identifier: Apache-2.0
#include "server/base/file_lock.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

class FileLockTest : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() / "lock";
};

TEST_F(FileLockTest, OneHoldsItAtATime) {
  {
    ASSERT_OK_AND_ASSIGN(FileLock first, FileLock::TryAcquire(path_));
    EXPECT_THAT(FileLock::TryAcquire(path_).status(),
                StatusIs(absl::StatusCode::kAlreadyExists, ErrorReason::kPath));
    const FileLock moved = std::move(first);
    EXPECT_THAT(FileLock::TryAcquire(path_).status(),
                StatusIs(absl::StatusCode::kAlreadyExists));
  }
  EXPECT_OK(FileLock::TryAcquire(path_).status());
}

TEST_F(FileLockTest, AFolderThatIsNotThereHoldsNone) {
  EXPECT_THAT(FileLock::TryAcquire(folder_.path() / "no" / "lock").status(),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace lora
