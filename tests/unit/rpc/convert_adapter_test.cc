// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_adapter.h"

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/base/error.h"

namespace lora {
namespace {

using ::testing::ElementsAre;

AdapterInfo FullInfo() {
  AdapterInfo info;
  info.id = AdapterId("sql");
  info.digest = "d1";
  info.source = "/adapters/sql";
  info.state = AdapterState::kDraining;
  info.tier = AdapterTier::kHost;
  info.rank = 16;
  info.target_modules = {"k_proj", "q_proj"};
  info.host_bytes = 10;
  info.device_bytes = 20;
  info.pinned = true;
  info.warm_tier = WarmTier::kHost;
  info.inflight_requests = 3;
  info.requests_total = 4;
  info.labels = {{"team", "data"}};
  info.warnings = {"unknown key"};
  info.create_time = absl::FromUnixSeconds(100);
  info.load_time = absl::FromUnixSeconds(200);
  info.last_used_time = absl::FromUnixSeconds(300);
  return info;
}

TEST(ConvertAdapterTest, EveryFieldTravels) {
  const v1::Adapter proto = ToProto(FullInfo(), {});
  EXPECT_EQ(proto.adapter_id(), "sql");
  EXPECT_EQ(proto.digest(), "d1");
  EXPECT_EQ(proto.source(), "/adapters/sql");
  EXPECT_EQ(proto.state(), v1::ADAPTER_STATE_DRAINING);
  EXPECT_EQ(proto.tier(), v1::ADAPTER_TIER_HOST);
  EXPECT_EQ(proto.kind(), "LORA");
  EXPECT_EQ(proto.format(), "PEFT");
  EXPECT_EQ(proto.rank(), 16);
  EXPECT_THAT(proto.target_modules(), ElementsAre("k_proj", "q_proj"));
  EXPECT_EQ(proto.host_bytes(), 10);
  EXPECT_EQ(proto.device_bytes(), 20);
  EXPECT_TRUE(proto.pinned());
  EXPECT_EQ(proto.warm_tier(), v1::ADAPTER_TIER_HOST);
  EXPECT_EQ(proto.inflight_requests(), 3);
  EXPECT_EQ(proto.requests_total(), 4);
  EXPECT_EQ(proto.labels().at("team"), "data");
  EXPECT_THAT(proto.warnings(), ElementsAre("unknown key"));
  EXPECT_EQ(proto.create_time().seconds(), 100);
  EXPECT_EQ(proto.load_time().seconds(), 200);
  EXPECT_EQ(proto.last_used_time().seconds(), 300);
  EXPECT_FALSE(proto.has_pending());
  EXPECT_FALSE(proto.has_error());
}

TEST(ConvertAdapterTest, TimesThatNeverCameAreUnset) {
  const v1::Adapter proto = ToProto(AdapterInfo(), {});
  EXPECT_FALSE(proto.has_create_time());
  EXPECT_FALSE(proto.has_load_time());
  EXPECT_FALSE(proto.has_last_used_time());
}

TEST(ConvertAdapterTest, AllStatesAndTiersHaveNames) {
  AdapterInfo info;
  info.state = AdapterState::kLoading;
  EXPECT_EQ(ToProto(info, {}).state(), v1::ADAPTER_STATE_LOADING);
  info.state = AdapterState::kReady;
  EXPECT_EQ(ToProto(info, {}).state(), v1::ADAPTER_STATE_READY);
  info.state = AdapterState::kFailed;
  EXPECT_EQ(ToProto(info, {}).state(), v1::ADAPTER_STATE_FAILED);
  EXPECT_EQ(ToProto(AdapterTier::kDisk), v1::ADAPTER_TIER_DISK);
  EXPECT_EQ(ToProto(AdapterTier::kDevice), v1::ADAPTER_TIER_DEVICE);
}

TEST(ConvertAdapterTest, APendingVersionIsShownBesideTheServingOne) {
  AdapterInfo info = FullInfo();
  info.pending = PendingVersion{
      .digest = "d2", .state = AdapterState::kLoading, .progress = 0.5};
  const v1::PendingVersion proto = ToProto(info, {}).pending();
  EXPECT_EQ(proto.digest(), "d2");
  EXPECT_EQ(proto.state(), v1::ADAPTER_STATE_LOADING);
  EXPECT_EQ(proto.progress(), 0.5);
}

TEST(ConvertAdapterTest, AFailureKeepsCodeAndReason) {
  AdapterInfo info = FullInfo();
  info.error = Error(absl::StatusCode::kInvalidArgument,
                     ErrorReason::kNonFinite, "NaN in q_proj");
  const google::rpc::Status error = ToProto(info, {}).error();
  EXPECT_EQ(error.code(), 3);
  EXPECT_EQ(error.message(), "NaN in q_proj");
  google::rpc::ErrorInfo details;
  ASSERT_TRUE(error.details(0).UnpackTo(&details));
  EXPECT_EQ(details.reason(), "NON_FINITE");
}

TEST(ConvertAdapterTest, MergedIsTrueForEveryComponentOfACopy) {
  const AdapterIdSet ids = MergedIds(
      {{.components = {{AdapterId("a"), 1.0f}, {AdapterId("b"), 0.5f}}},
       {.components = {{AdapterId("c"), 1.0f}}}});
  AdapterInfo info;
  for (const char* id : {"a", "b", "c"}) {
    info.id = AdapterId(id);
    EXPECT_TRUE(ToProto(info, ids).merged()) << id;
  }
  info.id = AdapterId("d");
  EXPECT_FALSE(ToProto(info, ids).merged());
}

TEST(ConvertAdapterTest, EventsSayWhatHappened) {
  using Type = AdapterEvent::Type;
  const AdapterInfo info = FullInfo();
  EXPECT_EQ(ToProto({Type::kSnapshot, info}, {}).type(),
            v1::AdapterEvent::SNAPSHOT);
  EXPECT_EQ(ToProto({Type::kUpdated, info}, {}).type(),
            v1::AdapterEvent::UPDATED);
  const v1::AdapterEvent removed = ToProto({Type::kRemoved, info}, {});
  EXPECT_EQ(removed.type(), v1::AdapterEvent::REMOVED);
  EXPECT_EQ(removed.adapter().adapter_id(), "sql");
}

TEST(ConvertAdapterTest, AnUnloadSaysWhatItFreed) {
  const auto proto = ToProto(UnloadResult{.freed_host_bytes = 1,
                                          .freed_device_bytes = 2,
                                          .freed_merged_bytes = 3,
                                          .cancelled_requests = 4});
  EXPECT_EQ(proto.freed_host_bytes(), 1);
  EXPECT_EQ(proto.freed_device_bytes(), 2);
  EXPECT_EQ(proto.freed_merged_bytes(), 3);
  EXPECT_EQ(proto.cancelled_requests(), 4);
}

TEST(ConvertAdapterTest, AMergedCopyIsDescribed) {
  const v1::MergedAdapter proto =
      ToProto(MergedAdapterInfo{.merged_id = "m1",
                                .components = {{AdapterId("a"), 0.5f}},
                                .bytes = 7,
                                .build_time = absl::Milliseconds(1500),
                                .max_relative_deviation = 0.25,
                                .pinned = true});
  EXPECT_EQ(proto.merged_id(), "m1");
  ASSERT_EQ(proto.components_size(), 1);
  EXPECT_EQ(proto.components(0).adapter_id(), "a");
  EXPECT_EQ(proto.components(0).weight(), 0.5f);
  EXPECT_EQ(proto.bytes(), 7);
  EXPECT_EQ(proto.build_time().seconds(), 1);
  EXPECT_EQ(proto.build_time().nanos(), 500'000'000);
  EXPECT_EQ(proto.max_relative_deviation(), 0.25);
  EXPECT_TRUE(proto.pinned());
}

}  // namespace
}  // namespace lora
