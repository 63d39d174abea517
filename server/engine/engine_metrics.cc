// SPDX-License-Identifier: Apache-2.0
#include "server/engine/engine_metrics.h"

#include <utility>

namespace lora {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Histogram;

const Histogram::BucketBoundaries& SecondsBuckets() {
  static const auto* const buckets = new Histogram::BucketBoundaries{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
      0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};
  return *buckets;
}

prometheus::Histogram& Seconds(prometheus::Registry& registry,
                               const std::string& name,
                               const std::string& help) {
  return BuildHistogram().Name(name).Help(help).Register(registry).Add(
      {}, SecondsBuckets());
}

// A family that is registered twice is the same one.
prometheus::Family<prometheus::Counter>& AdapterLoads(
    prometheus::Registry& registry) {
  return BuildCounter()
      .Name("lora_adapter_loads_total")
      .Help("Adapters brought to the device, and tries that failed")
      .Register(registry);
}

prometheus::Family<prometheus::Counter>& AdapterEvictions(
    prometheus::Registry& registry) {
  return BuildCounter()
      .Name("lora_adapter_evictions_total")
      .Help("Copies of adapters that went for room, by tier: host, device")
      .Register(registry);
}

const std::string& PathLabel(ExecutionPath path) {
  static const auto* const unmerged = new std::string("unmerged");
  static const auto* const merged = new std::string("merged");
  return path == ExecutionPath::kMerged ? *merged : *unmerged;
}

}  // namespace

EngineMetrics::EngineMetrics(prometheus::Registry& registry)
    : requests_(BuildCounter()
                    .Name("lora_requests_total")
                    .Help("Ended generation requests, by code and path")
                    .Register(registry)),
      tokens_(BuildCounter()
                  .Name("lora_tokens_total")
                  .Help("Tokens of finished requests: prompt, cached (of the "
                        "prompt) and completion")
                  .Register(registry)),
      adapter_requests_(BuildCounter()
                            .Name("lora_adapter_requests_total")
                            .Help("Finished requests by adapter")
                            .Register(registry)),
      adapter_tokens_(BuildCounter()
                          .Name("lora_adapter_completion_tokens_total")
                          .Help("Completion tokens by adapter")
                          .Register(registry)),
      sequences_(BuildGauge()
                     .Name("lora_sequences")
                     .Help("Requests that are queued and that run")
                     .Register(registry)),
      memory_(BuildGauge()
                  .Name("lora_memory_used_bytes")
                  .Help("Bytes in use by tier: kv, host, device, merged")
                  .Register(registry)),
      memory_capacity_(BuildGauge()
                           .Name("lora_memory_capacity_bytes")
                           .Help("Byte budgets by tier")
                           .Register(registry)),
      adapters_(BuildGauge()
                    .Name("lora_adapters")
                    .Help("Known adapters by state: loading, ready, draining, "
                          "failed")
                    .Register(registry)),
      merged_copies_(BuildCounter()
                         .Name("lora_merged_copies_total")
                         .Help("Merged copies that were built, evicted for "
                               "room, and unmerged")
                         .Register(registry)),
      step_seconds_(
          Seconds(registry, "lora_step_seconds", "Time of an engine step")),
      step_rows_(BuildHistogram()
                     .Name("lora_step_rows")
                     .Help("Rows of an engine step")
                     .Register(registry)
                     .Add({}, Histogram::BucketBoundaries{1, 2, 4, 8, 16, 32,
                                                          64, 128, 256, 512})),
      time_to_first_token_(Seconds(registry, "lora_time_to_first_token_seconds",
                                   "From the request to its first token")),
      queue_seconds_(Seconds(registry, "lora_queue_seconds",
                             "From the request to its admission")),
      merge_seconds_(Seconds(registry, "lora_merge_seconds",
                             "Time to build a merged copy")),
      preemptions_{BuildCounter()
                       .Name("lora_preemptions_total")
                       .Help("Sequences that gave their blocks back")
                       .Register(registry)
                       .Add({})},
      adapter_loads_{AdapterLoads(registry).Add({{"result", "ok"}})},
      adapter_load_failures_{
          AdapterLoads(registry).Add({{"result", "failed"}})},
      host_evictions_{AdapterEvictions(registry).Add({{"tier", "host"}})},
      device_evictions_{AdapterEvictions(registry).Add({{"tier", "device"}})} {}

void EngineMetrics::Follower::Reach(int64_t total) {
  counter.Increment(static_cast<double>(total - counted));
  counted = total;
}

void EngineMetrics::RecordStep(const BatchPlan& plan, absl::Duration duration) {
  int64_t rows = 0;
  for (const BatchPlan::Item& item : plan.items) rows += item.num_rows();
  step_rows_.Observe(static_cast<double>(rows));
  step_seconds_.Observe(absl::ToDoubleSeconds(duration));
}

void EngineMetrics::RecordFinished(const GenerationResult& result) {
  const Provenance& provenance = result.provenance;
  const Usage& usage = result.usage;
  requests_.Add({{"code", "OK"}, {"path", PathLabel(provenance.path)}})
      .Increment();
  tokens_.Add({{"kind", "prompt"}}).Increment(usage.prompt_tokens);
  tokens_.Add({{"kind", "cached"}}).Increment(usage.cached_tokens);
  tokens_.Add({{"kind", "completion"}}).Increment(usage.completion_tokens);
  time_to_first_token_.Observe(
      absl::ToDoubleSeconds(provenance.time_to_first_token));
  queue_seconds_.Observe(absl::ToDoubleSeconds(provenance.queue_time));
  for (const UsedAdapter& adapter : provenance.adapters) {
    const std::string& label = AdapterLabel(adapter.id.value());
    adapter_requests_.Add({{"adapter", label}}).Increment();
    adapter_tokens_.Add({{"adapter", label}})
        .Increment(usage.completion_tokens);
  }
}

void EngineMetrics::RecordFailed(const absl::Status& status) {
  requests_
      .Add({{"code", absl::StatusCodeToString(status.code())}, {"path", ""}})
      .Increment();
}

void EngineMetrics::RecordMerge(absl::Duration duration) {
  merged_copies_.Add({{"event", "built"}}).Increment();
  merge_seconds_.Observe(absl::ToDoubleSeconds(duration));
}

void EngineMetrics::RecordEvictedMerge() {
  merged_copies_.Add({{"event", "evicted"}}).Increment();
}

void EngineMetrics::RecordUnmerge() {
  merged_copies_.Add({{"event", "unmerged"}}).Increment();
}

void EngineMetrics::Update(const EngineInfo& info,
                           const SchedulerStats& scheduler,
                           const AdapterStats& adapters) {
  sequences_.Add({{"state", "queued"}}).Set(info.queued_requests);
  sequences_.Add({{"state", "running"}}).Set(info.running_requests);
  {
    MutexLock lock(mu_);
    preemptions_.Reach(scheduler.num_preemptions);
    adapter_loads_.Reach(adapters.num_loads);
    adapter_load_failures_.Reach(adapters.num_load_failures);
    host_evictions_.Reach(adapters.host.num_evictions);
    device_evictions_.Reach(adapters.device.num_evictions);
  }
  const std::pair<const char*, int64_t> states[] = {
      {"loading", adapters.num_loading},
      {"ready", adapters.num_ready},
      {"draining", adapters.num_draining},
      {"failed", adapters.num_failed}};
  for (const auto& [state, count] : states) {
    adapters_.Add({{"state", state}}).Set(static_cast<double>(count));
  }
  const std::pair<const char*, const MemoryUse*> tiers[] = {
      {"kv", &info.kv},
      {"host", &info.host},
      {"device", &info.adapters},
      {"merged", &info.merged}};
  for (const auto& [tier, use] : tiers) {
    memory_.Add({{"tier", tier}}).Set(static_cast<double>(use->used_bytes));
    memory_capacity_.Add({{"tier", tier}})
        .Set(static_cast<double>(use->capacity_bytes));
  }
}

const std::string& EngineMetrics::AdapterLabel(const std::string& id) {
  static const auto* const other = new std::string("_other");
  MutexLock lock(mu_);
  if (adapter_labels_.contains(id)) return id;
  if (adapter_labels_.size() >= kMaxAdapterLabels) return *other;
  adapter_labels_.insert(id);
  return id;
}

}  // namespace lora
