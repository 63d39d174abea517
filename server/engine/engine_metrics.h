// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_ENGINE_METRICS_H_
#define LORA_SERVER_ENGINE_ENGINE_METRICS_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/adapter/adapter_stats.h"
#include "server/base/mutex.h"
#include "server/engine/engine_info.h"
#include "server/engine/generation.h"
#include "server/scheduler/batch_plan.h"
#include "server/scheduler/scheduler.h"

namespace lora {

// The engine's Prometheus metrics, all named lora_*.
//
// Per-adapter counters keep at most kMaxAdapterLabels adapters apart; further
// ones are counted together as adapter="_other". Thread-safe.
class EngineMetrics {
 public:
  static constexpr size_t kMaxAdapterLabels = 200;

  // `registry` must outlive the metrics.
  explicit EngineMetrics(prometheus::Registry& registry);

  void RecordStep(const BatchPlan& plan, absl::Duration duration);
  void RecordFinished(const GenerationResult& result);
  void RecordFailed(const absl::Status& status);
  // A merged copy was built; one is gone: its room was needed, or it was
  // unmerged or one of its adapters unloaded.
  void RecordMerge(absl::Duration duration);
  void RecordEvictedMerge();
  void RecordUnmerge();
  // Sets the gauges, what is queued, running and in memory now, and counts what
  // the scheduler and the adapter plane have counted since the last call.
  void Update(const EngineInfo& info, const SchedulerStats& scheduler,
              const AdapterStats& adapters) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A counter of what is counted elsewhere.
  struct Follower {
    prometheus::Counter& counter;
    int64_t counted = 0;

    void Reach(int64_t total);
  };

  const std::string& AdapterLabel(const std::string& id)
      ABSL_LOCKS_EXCLUDED(mu_);

  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Counter>& tokens_;
  prometheus::Family<prometheus::Counter>& adapter_requests_;
  prometheus::Family<prometheus::Counter>& adapter_tokens_;
  prometheus::Family<prometheus::Gauge>& sequences_;
  prometheus::Family<prometheus::Gauge>& memory_;
  prometheus::Family<prometheus::Gauge>& memory_capacity_;
  prometheus::Family<prometheus::Gauge>& adapters_;
  prometheus::Family<prometheus::Counter>& merged_copies_;
  prometheus::Histogram& step_seconds_;
  prometheus::Histogram& step_rows_;
  prometheus::Histogram& time_to_first_token_;
  prometheus::Histogram& queue_seconds_;
  prometheus::Histogram& merge_seconds_;

  Mutex mu_;
  absl::flat_hash_set<std::string> adapter_labels_ ABSL_GUARDED_BY(mu_);
  Follower preemptions_ ABSL_GUARDED_BY(mu_);
  Follower adapter_loads_ ABSL_GUARDED_BY(mu_);
  Follower adapter_load_failures_ ABSL_GUARDED_BY(mu_);
  Follower host_evictions_ ABSL_GUARDED_BY(mu_);
  Follower device_evictions_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_ENGINE_METRICS_H_
