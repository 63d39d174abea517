// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_adapter_request.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(LoadRequestTest, UnsetFieldsStayUnset) {
  v1::LoadAdapterRequest request;
  request.set_adapter_id("sql");
  request.set_source("/adapters/sql");
  ASSERT_OK_AND_ASSIGN(const LoadAdapterSpec spec, FromProto(request));
  EXPECT_EQ(spec.id.value(), "sql");
  EXPECT_EQ(spec.source, "/adapters/sql");
  EXPECT_EQ(spec.sha256, "");
  EXPECT_FALSE(spec.replace);
  EXPECT_EQ(spec.pinned, std::nullopt);
  EXPECT_EQ(spec.warm_tier, std::nullopt);
  EXPECT_EQ(spec.labels, std::nullopt);
  EXPECT_EQ(spec.options.alpha, std::nullopt);
}

TEST(LoadRequestTest, EveryFieldTravels) {
  v1::LoadAdapterRequest request;
  request.set_sha256(std::string(64, 'A'));
  request.set_replace(true);
  request.set_pinned(false);
  request.set_warm_tier(v1::ADAPTER_TIER_HOST);
  (*request.mutable_labels())["team"] = "data";
  request.mutable_options()->set_alpha(16);
  request.mutable_options()->set_strict_base(true);
  request.mutable_options()->set_skip_untargeted(true);
  ASSERT_OK_AND_ASSIGN(const LoadAdapterSpec spec, FromProto(request));
  EXPECT_EQ(spec.sha256, std::string(64, 'a'));
  EXPECT_TRUE(spec.replace);
  EXPECT_THAT(spec.pinned, Optional(false));
  EXPECT_THAT(spec.warm_tier, Optional(WarmTier::kHost));
  EXPECT_THAT(spec.labels,
              Optional(UnorderedElementsAre(Pair("team", "data"))));
  EXPECT_THAT(spec.options.alpha, Optional(16.0));
  EXPECT_TRUE(spec.options.strict_base);
  EXPECT_TRUE(spec.options.skip_untargeted);
}

TEST(LoadRequestTest, ASha256IsSixtyFourHexDigits) {
  for (const std::string& bad :
       {std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g')}) {
    v1::LoadAdapterRequest request;
    request.set_sha256(bad);
    EXPECT_THAT(FromProto(request), StatusIs(kInvalid, ErrorReason::kParam));
  }
}

TEST(LoadRequestTest, WarmTierIsDiskOrHost) {
  v1::LoadAdapterRequest request;
  request.set_warm_tier(v1::ADAPTER_TIER_DEVICE);
  EXPECT_THAT(FromProto(request), StatusIs(kInvalid, ErrorReason::kParam));
  request.set_warm_tier(static_cast<v1::AdapterTier>(77));
  EXPECT_THAT(FromProto(request), MessageIs(HasSubstr("(77)")));
}

TEST(LoadRequestTest, AlphaMustBeFinite) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    v1::LoadAdapterRequest request;
    request.mutable_options()->set_alpha(bad);
    EXPECT_THAT(FromProto(request), StatusIs(kInvalid, ErrorReason::kAlpha));
    EXPECT_THAT(FromProto(request.options()),
                StatusIs(kInvalid, ErrorReason::kAlpha));
  }
}

TEST(LabelsTest, TheirLimitsHold) {
  v1::LoadAdapterRequest load;
  (*load.mutable_labels())[""] = "x";
  EXPECT_THAT(FromProto(load), StatusIs(kInvalid, ErrorReason::kParam));
  v1::UpdateAdapterRequest update;
  update.mutable_update_mask()->add_paths("labels");
  (*update.mutable_labels())["team"] = std::string(2000, 'x');
  EXPECT_THAT(FromProto(update), StatusIs(kInvalid, ErrorReason::kParam));
}

TEST(AdapterWeightsTest, ThereAreAtMostSixtyFour) {
  v1::GenerateRequest request;
  for (int i = 0; i < 64; ++i) request.add_adapters();
  EXPECT_THAT(FromProto(request.adapters()),
              IsOkAndHolds(::testing::SizeIs(64)));
  request.add_adapters();
  EXPECT_THAT(FromProto(request.adapters()),
              StatusIs(kInvalid, ErrorReason::kWeights));
}

TEST(UnloadRequestTest, WaitsThirtySecondsUnlessToldOtherwise) {
  v1::UnloadAdapterRequest request;
  request.set_adapter_id("sql");
  ASSERT_OK_AND_ASSIGN(UnloadAdapterSpec spec, FromProto(request));
  EXPECT_EQ(spec.id.value(), "sql");
  EXPECT_EQ(spec.drain_timeout, absl::Seconds(30));
  EXPECT_FALSE(spec.force);

  request.mutable_drain_timeout();  // Set, and zero.
  request.set_force(true);
  ASSERT_OK_AND_ASSIGN(spec, FromProto(request));
  EXPECT_EQ(spec.drain_timeout, absl::ZeroDuration());
  EXPECT_TRUE(spec.force);
}

TEST(UnloadRequestTest, ANegativeTimeoutIsRefused) {
  v1::UnloadAdapterRequest request;
  request.mutable_drain_timeout()->set_seconds(-1);
  EXPECT_THAT(FromProto(request), StatusIs(kInvalid, ErrorReason::kParam));
}

TEST(UpdateRequestTest, OnlyNamedFieldsChange) {
  v1::UpdateAdapterRequest request;
  request.set_pinned(true);
  request.set_warm_tier(v1::ADAPTER_TIER_HOST);
  request.mutable_update_mask()->add_paths("pinned");
  ASSERT_OK_AND_ASSIGN(const UpdateAdapterSpec spec, FromProto(request));
  EXPECT_THAT(spec.pinned, Optional(true));
  EXPECT_EQ(spec.warm_tier, std::nullopt);
  EXPECT_EQ(spec.labels, std::nullopt);
}

TEST(UpdateRequestTest, NamedFieldsMayBecomeEmpty) {
  v1::UpdateAdapterRequest request;
  request.set_warm_tier(v1::ADAPTER_TIER_DISK);
  request.mutable_update_mask()->add_paths("labels");
  request.mutable_update_mask()->add_paths("warm_tier");
  ASSERT_OK_AND_ASSIGN(const UpdateAdapterSpec spec, FromProto(request));
  EXPECT_EQ(spec.pinned, std::nullopt);
  EXPECT_THAT(spec.labels, Optional(::testing::IsEmpty()));
  EXPECT_THAT(spec.warm_tier, Optional(WarmTier::kDisk));
}

TEST(UpdateRequestTest, AMaskWithoutOrWithOtherFieldsIsRefused) {
  v1::UpdateAdapterRequest request;
  EXPECT_THAT(FromProto(request), StatusIs(kInvalid, ErrorReason::kParam));
  request.mutable_update_mask()->add_paths("source");
  EXPECT_THAT(FromProto(request), StatusIs(kInvalid, ErrorReason::kParam));
  EXPECT_THAT(FromProto(request), MessageIs(HasSubstr("'source'")));
}

TEST(UpdateRequestTest, ANamedWarmTierMustBeSet) {
  v1::UpdateAdapterRequest request;
  request.mutable_update_mask()->add_paths("warm_tier");
  EXPECT_THAT(FromProto(request), StatusIs(kInvalid, ErrorReason::kParam));
}

TEST(ListRequestTest, PageSizesAreBounded) {
  v1::ListAdaptersRequest request;
  EXPECT_THAT(PageSizeOf(request), IsOkAndHolds(Eq(100)));
  request.set_page_size(7);
  EXPECT_THAT(PageSizeOf(request), IsOkAndHolds(Eq(7)));
  request.set_page_size(5000);
  EXPECT_THAT(PageSizeOf(request), IsOkAndHolds(Eq(1000)));
  request.set_page_size(-1);
  EXPECT_THAT(PageSizeOf(request), StatusIs(kInvalid, ErrorReason::kParam));
}

TEST(AdapterWeightsTest, AnUnsetWeightIsOneAndZeroStaysZero) {
  v1::MergeAdapterRequest request;
  request.add_components()->set_adapter_id("a");
  v1::AdapterWeight* zero = request.add_components();
  zero->set_adapter_id("b");
  zero->set_weight(0);
  ASSERT_OK_AND_ASSIGN(const std::vector<WeightedAdapterId> weights,
                       FromProto(request.components()));
  ASSERT_EQ(weights.size(), 2);
  EXPECT_EQ(weights[0].id.value(), "a");
  EXPECT_EQ(weights[0].weight, 1.0f);
  EXPECT_EQ(weights[1].weight, 0.0f);
}

}  // namespace
}  // namespace lora
