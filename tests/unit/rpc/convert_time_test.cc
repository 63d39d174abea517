// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_time.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

google::protobuf::Duration Proto(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration proto;
  proto.set_seconds(seconds);
  proto.set_nanos(nanos);
  return proto;
}

TEST(ConvertTimeTest, TimestampsKeepNanoseconds) {
  const auto proto =
      ToProto(absl::FromUnixSeconds(1'700'000'000) + absl::Nanoseconds(5));
  EXPECT_EQ(proto.seconds(), 1'700'000'000);
  EXPECT_EQ(proto.nanos(), 5);
}

TEST(ConvertTimeTest, NanosCountForwardsAlsoBefore1970) {
  const auto proto = ToProto(absl::UnixEpoch() - absl::Milliseconds(250));
  EXPECT_EQ(proto.seconds(), -1);
  EXPECT_EQ(proto.nanos(), 750'000'000);
}

TEST(ConvertTimeTest, DurationsRoundTrip) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Milliseconds(2500),
        absl::Hours(48)}) {
    EXPECT_THAT(FromProto(ToProto(duration)), IsOkAndHolds(duration));
  }
}

TEST(ConvertTimeTest, DeadlinesMayBeFarAwayOrNever) {
  const gpr_timespec now{1'700'000'000, 5, GPR_CLOCK_REALTIME};
  EXPECT_EQ(FromGrpc(now),
            absl::FromUnixSeconds(1'700'000'000) + absl::Nanoseconds(5));
  const gpr_timespec centuries{20'000'000'000, 0, GPR_CLOCK_REALTIME};
  EXPECT_EQ(FromGrpc(centuries), absl::FromUnixSeconds(20'000'000'000));
  EXPECT_EQ(FromGrpc(gpr_inf_future(GPR_CLOCK_REALTIME)),
            absl::InfiniteFuture());
  EXPECT_EQ(FromGrpc(gpr_inf_future(GPR_CLOCK_MONOTONIC)),
            absl::InfiniteFuture());
}

TEST(ConvertTimeTest, NegativeAndMalformedDurationsAreRefused) {
  for (const auto& proto : {Proto(-1, 0), Proto(0, -1), Proto(0, 1'000'000'000),
                            Proto(315'576'000'001, 0)}) {
    EXPECT_THAT(FromProto(proto), StatusIs(absl::StatusCode::kInvalidArgument,
                                           ErrorReason::kParam));
  }
}

}  // namespace
}  // namespace lora
