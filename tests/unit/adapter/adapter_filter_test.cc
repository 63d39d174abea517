// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_filter.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

AdapterInfo SqlWriter() {
  return {.id = AdapterId("sql-writer"),
          .state = AdapterState::kReady,
          .tier = AdapterTier::kHost,
          .pinned = true,
          .labels = {{"team", "data"}, {"empty", ""}}};
}

bool Accepts(const std::string& filter) {
  const absl::StatusOr<AdapterFilter> parsed = AdapterFilter::Parse(filter);
  EXPECT_OK(parsed) << filter;
  return parsed.ok() && parsed->Matches(SqlWriter());
}

TEST(AdapterFilterTest, EachTermAcceptsWhatItNames) {
  for (const char* filter :
       {"", "  ", "state=READY", "tier=HOST", "pinned=true", "id=sql-writer",
        "id=sql-*", "id=*", "labels.team=data", "labels.empty=",
        "state=READY AND tier=HOST AND id=s* AND labels.team=data"}) {
    EXPECT_TRUE(Accepts(filter)) << filter;
  }
}

TEST(AdapterFilterTest, EachTermRejectsTheRest) {
  for (const char* filter :
       {"state=LOADING", "state=DRAINING", "state=FAILED", "tier=DISK",
        "tier=DEVICE", "pinned=false", "id=sql", "id=chat-*", "labels.team=web",
        "labels.other=data", "state=READY AND pinned=false"}) {
    EXPECT_FALSE(Accepts(filter)) << filter;
  }
}

TEST(AdapterFilterTest, WhatIsNoTermIsRefused) {
  for (const char* filter :
       {"state", "state=", "state=ready", "tier=GPU", "pinned=yes",
        "id=", "labels.=x", "labels.team", "team=data", "state=READY,tier=HOST",
        "state=READY AND "}) {
    EXPECT_THAT(
        AdapterFilter::Parse(filter),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam))
        << filter;
  }
}

TEST(PageTokenTest, ATokenComesBackAsItsId) {
  const AdapterId id("sql-writer_v1.2");
  EXPECT_THAT(DecodePageToken(EncodePageToken(id)), IsOkAndHolds(id));
}

TEST(PageTokenTest, WhatIsNoTokenIsRefused) {
  for (const char* token : {"!", "AA", "sql-writer?"}) {
    EXPECT_THAT(
        DecodePageToken(token),
        StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kParam))
        << token;
  }
}

}  // namespace
}  // namespace lora
