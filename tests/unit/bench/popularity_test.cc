// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/popularity.h"

#include <map>

#include "tests/support/status_matchers.h"

namespace lora::loadgen {
namespace {

constexpr int kClient = 0;
constexpr int kCount = 20000;

AdapterPicker Picker(const std::string& popularity,
                     std::vector<std::string> adapters = {"a", "b", "c", "d"},
                     uint64_t seed = 1) {
  return *AdapterPicker::Create(*ParsePopularity(popularity),
                                std::move(adapters), seed);
}

// The share of each adapter among many requests.
std::map<std::string, double> Shares(const AdapterPicker& picker) {
  std::map<std::string, double> shares;
  for (int64_t i = 0; i < kCount; ++i) {
    shares[picker.Pick(i, kClient)] += 1.0 / kCount;
  }
  return shares;
}

TEST(PopularityTest, WhatIsReadIsWrittenAgain) {
  for (const std::string text : {"none", "identical", "uniform", "distinct",
                                 "steady", "zipf:1.1", "zipf:0"}) {
    ASSERT_OK_AND_ASSIGN(const Popularity popularity, ParsePopularity(text));
    EXPECT_EQ(FormatPopularity(popularity), text);
  }
}

TEST(PopularityTest, AnythingElseIsRefusedWithTheChoices) {
  for (const char* text :
       {"", "Uniform", "zipf", "zipf:", "zipf:-1", "zipf:nan", "zipf:inf"}) {
    const auto popularity = ParsePopularity(text);
    EXPECT_THAT(popularity, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(popularity, MessageIs(::testing::HasSubstr("steady or zipf")));
  }
}

TEST(AdapterPickerTest, NoneAsksTheBaseAndNeedsNoAdapters) {
  EXPECT_EQ(Picker("none", {}).Pick(7, kClient), "");
  EXPECT_EQ(Picker("none").Pick(7, kClient), "");
}

TEST(AdapterPickerTest, OthersNeedAdapters) {
  for (const char* text :
       {"identical", "uniform", "distinct", "steady", "zipf:1"}) {
    EXPECT_THAT(AdapterPicker::Create(*ParsePopularity(text), {}, 1),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(AdapterPickerTest, IdenticalAlwaysTakesTheFirst) {
  EXPECT_THAT(Shares(Picker("identical")),
              ::testing::ElementsAre(::testing::Key("a")));
}

TEST(AdapterPickerTest, DistinctTakesThemInTurnWhoeverAsks) {
  const AdapterPicker picker = Picker("distinct");
  for (int client = 0; client < 3; ++client) {
    EXPECT_EQ(picker.Pick(0, client), "a");
    EXPECT_EQ(picker.Pick(1, client), "b");
    EXPECT_EQ(picker.Pick(7, client), "d");
  }
}

TEST(AdapterPickerTest, SteadyBindsAClientToItsAdapter) {
  const AdapterPicker picker = Picker("steady");
  for (int64_t index = 0; index < 10; ++index) {
    EXPECT_EQ(picker.Pick(index, 0), "a");
    EXPECT_EQ(picker.Pick(index, 3), "d");
    EXPECT_EQ(picker.Pick(index, 5), "b");
  }
}

TEST(AdapterPickerTest, UniformTakesAllAlike) {
  for (const auto& [adapter, share] : Shares(Picker("uniform"))) {
    EXPECT_NEAR(share, 0.25, 0.02) << adapter;
  }
}

TEST(AdapterPickerTest, ZipfWeighsByRank) {
  std::map<std::string, double> shares = Shares(Picker("zipf:1"));
  constexpr double kSum = 1.0 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4;
  EXPECT_NEAR(shares["a"], 1 / kSum, 0.02);
  EXPECT_NEAR(shares["b"], 1 / kSum / 2, 0.02);
  EXPECT_NEAR(shares["d"], 1 / kSum / 4, 0.02);
}

TEST(AdapterPickerTest, TheSeedDecidesAndTheOrderOfAskingDoesNot) {
  const std::vector<std::string> adapters = {"a", "b", "c", "d"};
  const AdapterPicker picker = Picker("uniform", adapters, 1);
  const AdapterPicker same = Picker("uniform", adapters, 1);
  const AdapterPicker other = Picker("uniform", adapters, 2);
  int num_different = 0;
  for (int64_t i = 99; i >= 0; --i) {
    EXPECT_EQ(picker.Pick(i, kClient), same.Pick(i, 1));
    num_different += picker.Pick(i, kClient) != other.Pick(i, kClient) ? 1 : 0;
  }
  EXPECT_GT(num_different, 0);
}

}  // namespace
}  // namespace lora::loadgen
