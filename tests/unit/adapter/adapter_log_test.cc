// SPDX-License-Identifier: Apache-2.0
// What the adapter plane writes to the log: a line an event of a life cycle.
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/log.h"
#include "tests/fakes/test_plane.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AdapterLogTest : public ::testing::Test {
 protected:
  AdapterLogTest() {
    SetUpLogging("info", LogFormat::kText);
    ::testing::internal::CaptureStderr();
  }

  // The events written since the last call, without time and level.
  std::vector<std::string> Events() {
    std::vector<std::string> events;
    const std::string log = ::testing::internal::GetCapturedStderr();
    for (const auto line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
      events.emplace_back(line.substr(line.find("event=")));
    }
    ::testing::internal::CaptureStderr();
    return events;
  }
  ~AdapterLogTest() override { ::testing::internal::GetCapturedStderr(); }

  TestPlane plane_;
};

TEST_F(AdapterLogTest, EachStepOfALifeIsALine) {
  ASSERT_OK(plane_.LoadContent("a", "v1"));
  EXPECT_THAT(Events(),
              ElementsAre(StartsWith("event=adapter_loaded adapter=a ")));
  ASSERT_OK(plane_.Update({.id = AdapterId("a"), .pinned = true}));
  EXPECT_THAT(Events(), ElementsAre("event=adapter_updated adapter=a "
                                    "pinned=true warm_tier=DISK labels=0"));
  ASSERT_OK(plane_.Unload({.id = AdapterId("a")}));
  EXPECT_THAT(
      Events(),
      ElementsAre("event=adapter_draining adapter=a inflight=0 force=false",
                  StartsWith("event=adapter_unloaded adapter=a ")));
}

TEST_F(AdapterLogTest, AnEvictionIsALine) {
  plane_.loader().Put("a", {.content = "a", .device_bytes = 60});
  plane_.loader().Put("b", {.content = "b", .device_bytes = 60});
  ASSERT_OK(plane_.Load({.id = AdapterId("a"), .source = "a"}));
  Events();
  ASSERT_OK(plane_.Load({.id = AdapterId("b"), .source = "b"}));
  EXPECT_THAT(
      Events(),
      ElementsAre("event=adapter_evicted adapter=a digest=" +
                      FakeAdapterLoader::DigestOf("a") + " device_bytes=60",
                  StartsWith("event=adapter_loaded adapter=b ")));
}

TEST_F(AdapterLogTest, AFailureIsALineWithItsReason) {
  plane_.loader().Put("a", {.status = absl::DataLossError("two\nlines")});
  EXPECT_FALSE(plane_.Load({.id = AdapterId("a"), .source = "a"}).ok());
  EXPECT_THAT(Events(),
              ElementsAre(HasSubstr(R"(error="DATA_LOSS: two\nlines")")));
}

}  // namespace
}  // namespace lora
