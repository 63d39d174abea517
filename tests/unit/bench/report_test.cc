// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/report.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora::loadgen {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

// 1 ms to `count` ms, the largest first.
std::vector<absl::Duration> Milliseconds(int count) {
  std::vector<absl::Duration> values;
  for (int i = count; i >= 1; --i) values.push_back(absl::Milliseconds(i));
  return values;
}

Sample Answered(const std::string& adapter, int64_t completion_tokens,
                int first_token_ms = 20) {
  return {.adapter = adapter,
          .first_token = absl::Milliseconds(first_token_ms),
          .total = absl::Milliseconds(100),
          .gaps = {absl::Milliseconds(4)},
          .prompt_tokens = 10,
          .cached_tokens = 2,
          .completion_tokens = completion_tokens};
}

Sample Failed(const std::string& adapter, absl::Status status) {
  Sample sample = Answered(adapter, 5);
  sample.status = std::move(status);
  return sample;
}

FullReport ReportOf(std::vector<Sample> samples) {
  return BuildReport(
      {.samples = std::move(samples), .elapsed = absl::Seconds(2)});
}

TEST(PercentilesTest, AreNearestRanks) {
  const Percentiles hundred = PercentilesOf(Milliseconds(100));
  EXPECT_EQ(hundred.p50, absl::Milliseconds(50));
  EXPECT_EQ(hundred.p95, absl::Milliseconds(95));
  EXPECT_EQ(hundred.p99, absl::Milliseconds(99));
  const Percentiles ten = PercentilesOf(Milliseconds(10));
  EXPECT_EQ(ten.p50, absl::Milliseconds(5));
  EXPECT_EQ(ten.p95, absl::Milliseconds(10));
}

TEST(PercentilesTest, OfOneValueAreItAndOfNoneZero) {
  EXPECT_EQ(PercentilesOf({absl::Seconds(3)}).p50, absl::Seconds(3));
  EXPECT_EQ(PercentilesOf({absl::Seconds(3)}).p99, absl::Seconds(3));
  EXPECT_EQ(PercentilesOf({}).p99, absl::ZeroDuration());
}

TEST(ReportTest, RatesAreOfTheWholeTime) {
  const FullReport report = ReportOf({Answered("a", 30), Answered("b", 10)});
  EXPECT_EQ(report.all.requests, 2);
  EXPECT_EQ(report.all.prompt_tokens, 20);
  EXPECT_EQ(report.all.cached_tokens, 4);
  EXPECT_EQ(report.all.tokens_per_second(), 20.0);
  EXPECT_EQ(report.all.requests_per_second(), 1.0);
  EXPECT_EQ(report.by_adapter.at("a").tokens_per_second(), 15.0);
  EXPECT_EQ(report.by_adapter.at("b").tokens_per_second(), 5.0);
}

TEST(ReportTest, FailuresAreCountedByCodeAndLendNoFigures) {
  const FullReport report =
      ReportOf({Answered("a", 30), Failed("a", absl::AbortedError("x")),
                Failed("b", absl::AbortedError("y"))});
  EXPECT_EQ(report.all.requests, 3);
  EXPECT_EQ(report.all.num_errors(), 2);
  EXPECT_THAT(report.all.errors, ElementsAre(Pair("ABORTED", 2)));
  EXPECT_EQ(report.all.completion_tokens, 30);
  EXPECT_EQ(report.all.requests_per_second(), 0.5);
  EXPECT_EQ(report.by_adapter.at("b").num_errors(), 1);
  EXPECT_EQ(report.by_adapter.at("b").first_token.p50, absl::ZeroDuration());
}

TEST(ReportTest, SlowestOverFastestComparesAdaptersByTokens) {
  EXPECT_EQ(ReportOf({Answered("a", 20), Answered("a", 20), Answered("b", 30),
                      Answered("c", 35)})
                .slowest_over_fastest(),
            30.0 / 40);
  EXPECT_EQ(ReportOf({Answered("a", 20), Failed("b", absl::AbortedError("x"))})
                .slowest_over_fastest(),
            0.0);
}

TEST(ReportTest, SlowestOverFastestNeedsTwoAdaptersAndTokens) {
  EXPECT_EQ(ReportOf({}).slowest_over_fastest(), std::nullopt);
  EXPECT_EQ(ReportOf({Answered("a", 20)}).slowest_over_fastest(), std::nullopt);
  EXPECT_EQ(
      ReportOf({Answered("a", 0), Answered("b", 0)}).slowest_over_fastest(),
      std::nullopt);
}

TEST(ReportTest, TheTableShowsTheRunAndEveryAdapter) {
  const std::string text = FormatReport(
      ReportOf({Answered("", 10), Answered("sql", 30),
                Failed("sql", absl::DeadlineExceededError("slow"))}));
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("3 requests in 2.0 s, 1 errors: 20.0 tok/s, 1.00 "
                      "requests/s\n20 prompt tokens (4 cached), 40 new "
                      "tokens\n"),
            HasSubstr("first token             20.0      20.0      20.0\n"),
            HasSubstr("between tokens           4.0       4.0       4.0\n"),
            HasSubstr("whole answer           100.0     100.0     100.0\n"),
            HasSubstr("(base)                    1        0        10       5.0"
                      "      20.0       4.0\n"),
            HasSubstr("sql                       2        1        30      15.0"
                      "      20.0       4.0\n"),
            HasSubstr("\nslowest / fastest adapter: 0.33\n"),
            HasSubstr("\nerror: DEADLINE_EXCEEDED: 1 requests\n")));
}

TEST(ReportTest, TheTableOfOneAdapterComparesNothing) {
  EXPECT_THAT(FormatReport(ReportOf({Answered("sql", 30)})),
              AllOf(Not(HasSubstr("slowest")), Not(HasSubstr("error:"))));
}

TEST(ReportTest, LongNamesKeepTheColumnsInLine) {
  const std::string name(40, 'x');
  const std::string text =
      FormatReport(ReportOf({Answered(name, 30), Answered("sql", 30)}));
  const size_t head = text.find("adapter ");
  const size_t row = text.find(name);
  ASSERT_NE(row, std::string::npos);
  EXPECT_EQ(text.find('\n', head) - head, text.find('\n', row) - row);
}

TEST(ReportTest, JsonHoldsTheSameFigures) {
  const Json json = ReportToJson(
      ReportOf({Answered("a", 30), Answered("b", 10, /*first_token_ms=*/50),
                Failed("b", absl::AbortedError("x"))}));
  EXPECT_EQ(json["requests"], 3);
  EXPECT_EQ(json["errors"], 1);
  EXPECT_EQ(json["errors_by_code"]["ABORTED"], 1);
  EXPECT_EQ(json["completion_tokens"], 40);
  EXPECT_EQ(json["tokens_per_second"], 20.0);
  EXPECT_EQ(json["elapsed_seconds"], 2.0);
  EXPECT_EQ(json["first_token"]["p50_seconds"], 0.02);
  EXPECT_EQ(json["first_token"]["p99_seconds"], 0.05);
  EXPECT_EQ(json["inter_token"]["p95_seconds"], 0.004);
  EXPECT_EQ(json["total"]["p50_seconds"], 0.1);
  EXPECT_EQ(json["by_adapter"]["b"]["completion_tokens"], 10);
  EXPECT_EQ(json["slowest_over_fastest"], 10.0 / 30);
  EXPECT_TRUE(ReportToJson(ReportOf({}))["slowest_over_fastest"].is_null());
}

}  // namespace
}  // namespace lora::loadgen
