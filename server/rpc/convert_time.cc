// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_time.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {
namespace {

constexpr int32_t kMaxNanos = 999'999'999;
// google.protobuf.Duration: about 10,000 years.
constexpr int64_t kMaxSeconds = 315'576'000'000;

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);  // Rounds down.
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

absl::StatusOr<absl::Duration> FromProto(
    const google::protobuf::Duration& duration) {
  if (duration.seconds() < 0 || duration.seconds() > kMaxSeconds ||
      duration.nanos() < 0 || duration.nanos() > kMaxNanos) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
                 absl::StrCat("duration is ", duration.seconds(), " s and ",
                              duration.nanos(),
                              " ns, expected a duration of at least 0"));
  }
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

absl::Time FromGrpc(gpr_timespec deadline) {
  deadline = gpr_convert_clock_type(deadline, GPR_CLOCK_REALTIME);
  if (gpr_time_cmp(deadline, gpr_inf_future(GPR_CLOCK_REALTIME)) == 0) {
    return absl::InfiniteFuture();
  }
  return absl::TimeFromTimespec(
      {.tv_sec = deadline.tv_sec, .tv_nsec = deadline.tv_nsec});
}

}  // namespace lora
