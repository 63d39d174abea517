// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_metrics.h"

#include <prometheus/text_serializer.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EngineMetricsTest : public ::testing::Test {
 protected:
  // Lines "NAME{LABELS} VALUE".
  std::string Text() {
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }
  // How many time series `name` has.
  int NumSeries(const std::string& name) {
    int count = 0;
    const std::string text = Text();
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      count += line.substr(0, name.size() + 1) == absl::StrCat(name, "{");
    }
    return count;
  }
  void Finish(const std::string& adapter) {
    GenerationResult result;
    result.usage = {
        .prompt_tokens = 5, .cached_tokens = 2, .completion_tokens = 3};
    result.provenance.adapters = {{.id = AdapterId(adapter)}};
    metrics_.RecordFinished(result);
  }

  prometheus::Registry registry_;
  EngineMetrics metrics_{registry_};
};

TEST_F(EngineMetricsTest, RequestsAreCountedByCodeAndPath) {
  GenerationResult result;
  metrics_.RecordFinished(result);
  result.provenance.path = ExecutionPath::kMerged;
  metrics_.RecordFinished(result);
  metrics_.RecordFailed(absl::AbortedError("gone"));
  const std::string text = Text();
  EXPECT_THAT(
      text, HasSubstr("lora_requests_total{code=\"OK\",path=\"unmerged\"} 1"));
  EXPECT_THAT(text,
              HasSubstr("lora_requests_total{code=\"OK\",path=\"merged\"} 1"));
  EXPECT_THAT(text,
              HasSubstr("lora_requests_total{code=\"ABORTED\",path=\"\"} 1"));
}

TEST_F(EngineMetricsTest, TokensAreCountedByKindAndByAdapter) {
  Finish("sql");
  Finish("sql");
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("lora_tokens_total{kind=\"prompt\"} 10"));
  EXPECT_THAT(text, HasSubstr("lora_tokens_total{kind=\"cached\"} 4"));
  EXPECT_THAT(text, HasSubstr("lora_tokens_total{kind=\"completion\"} 6"));
  EXPECT_THAT(text,
              HasSubstr("lora_adapter_requests_total{adapter=\"sql\"} 2"));
  EXPECT_THAT(
      text,
      HasSubstr("lora_adapter_completion_tokens_total{adapter=\"sql\"} 6"));
}

TEST_F(EngineMetricsTest, AdaptersBeyondTheLimitAreCountedTogether) {
  constexpr int kLimit = static_cast<int>(EngineMetrics::kMaxAdapterLabels);
  for (int i = 0; i < kLimit + 1; ++i) Finish(absl::StrCat("a", i));
  EXPECT_EQ(NumSeries("lora_adapter_requests_total"), kLimit + 1);
  Finish(absl::StrCat("a", kLimit + 1));
  Finish("a0");
  EXPECT_EQ(NumSeries("lora_adapter_requests_total"), kLimit + 1);
  const std::string text = Text();
  EXPECT_THAT(text,
              HasSubstr("lora_adapter_requests_total{adapter=\"_other\"} 2"));
  EXPECT_THAT(text, HasSubstr("lora_adapter_requests_total{adapter=\"a0\"} 2"));
  EXPECT_THAT(text, Not(HasSubstr(absl::StrCat("adapter=\"a", kLimit, "\""))));
}

TEST_F(EngineMetricsTest, MemoryIsShownByTier) {
  metrics_.Update({.kv = {40, 4},
                   .host = {50, 5},
                   .adapters = {60, 6},
                   .merged = {70, 7},
                   .running_requests = 8,
                   .queued_requests = 9},
                  {}, {});
  const std::string text = Text();
  int use = 4;
  for (const std::string tier : {"kv", "host", "device", "merged"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("lora_memory_used_bytes{tier=\"",
                                             tier, "\"} ", use)));
    EXPECT_THAT(
        text, HasSubstr(absl::StrCat("lora_memory_capacity_bytes{tier=\"", tier,
                                     "\"} ", 10 * use)));
    ++use;
  }
  EXPECT_THAT(text, HasSubstr("lora_sequences{state=\"running\"} 8"));
  EXPECT_THAT(text, HasSubstr("lora_sequences{state=\"queued\"} 9"));
}

TEST_F(EngineMetricsTest, PreemptionsAreACounter) {
  metrics_.Update({}, {.num_preemptions = 2}, {});
  metrics_.Update({}, {.num_preemptions = 2}, {});
  metrics_.Update({}, {.num_preemptions = 5}, {});
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("# TYPE lora_preemptions_total counter"));
  EXPECT_THAT(text, HasSubstr("lora_preemptions_total 5"));
}

TEST_F(EngineMetricsTest, AdaptersAreShownByStateAndCountedAsTheyComeAndGo) {
  AdapterStats stats{.num_loads = 7, .num_load_failures = 2, .num_ready = 3};
  stats.host.num_evictions = 4;
  stats.device.num_evictions = 5;
  metrics_.Update({}, {}, stats);
  ++stats.device.num_evictions;
  metrics_.Update({}, {}, stats);
  const std::string text = Text();
  for (const std::string line :
       {"lora_adapters{state=\"ready\"} 3", "lora_adapters{state=\"failed\"} 0",
        "lora_adapter_loads_total{result=\"ok\"} 7",
        "lora_adapter_loads_total{result=\"failed\"} 2",
        "lora_adapter_evictions_total{tier=\"host\"} 4",
        "lora_adapter_evictions_total{tier=\"device\"} 6"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(EngineMetricsTest, MergedCopiesAreCountedAsTheyComeAndGo) {
  metrics_.RecordMerge(absl::Seconds(1));
  metrics_.RecordMerge(absl::Seconds(1));
  metrics_.RecordEvictedMerge();
  metrics_.RecordUnmerge();
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("lora_merged_copies_total{event=\"built\"} 2"));
  EXPECT_THAT(text, HasSubstr("lora_merged_copies_total{event=\"evicted\"} 1"));
  EXPECT_THAT(text,
              HasSubstr("lora_merged_copies_total{event=\"unmerged\"} 1"));
  EXPECT_THAT(text, HasSubstr("lora_merge_seconds_count 2"));
}

}  // namespace
}  // namespace lora
