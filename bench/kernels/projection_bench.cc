// SPDX-License-Identifier: Apache-2.0
// The projections of decoder layers of 0.5B shapes: a step without attention,
// against the memory bandwidth and the arithmetic peak of the same run.
#include <ATen/ops/empty.h>
#include <benchmark/benchmark.h>

#include "bench/support/bench_util.h"
#include "server/base/machine.h"
#include "server/kernels/lora_projection.h"

namespace lora {
namespace {

constexpr int64_t kHidden = 896;
constexpr int64_t kFfn = 4864;
constexpr int64_t kKeys = 128;
constexpr int64_t kRank = 16;
// Several times the last-level cache, in bfloat16.
constexpr int kLayers = 5;

PackedWeight Pack(int64_t out, int64_t in, at::ScalarType dtype) {
  return *PackedWeight::Pack(Uniform({out, in}, dtype), dtype, at::kCPU);
}

// One linear layer, its adapters, and the terms that give adapter d row d.
struct Linear {
  Linear(int64_t out, int64_t in, at::ScalarType dtype, int64_t num_adapters)
      : weight(Pack(out, in, dtype)) {
    for (int64_t d = 0; d < num_adapters; ++d) {
      a.push_back(Pack(kRank, in, dtype));
      b.push_back(Pack(out, kRank, dtype));
    }
  }
  PackedWeight weight;
  std::vector<PackedWeight> a;
  std::vector<PackedWeight> b;
};

// Linear layers of one input.
struct Group {
  at::Tensor x;
  std::vector<Linear> linears;
};

// The weights of a few layers and the rows of a step.
class MiniStep {
 public:
  MiniStep(int64_t rows, at::ScalarType dtype, int64_t num_adapters)
      : rows_(rows), dtype_(dtype), num_adapters_(num_adapters) {
    for (int layer = 0; layer < kLayers; ++layer) {
      AddGroup(kHidden, {kHidden, kKeys, kKeys});
      AddGroup(kHidden, {kHidden});
      AddGroup(kHidden, {kFfn, kFfn});
      AddGroup(kFfn, {kHidden});
    }
  }

  double base_bytes() const { return base_bytes_; }
  double adapter_bytes() const { return adapter_bytes_; }
  // Of the base.
  double flops() const {
    return 2.0 * rows_ * base_bytes_ / c10::elementSize(dtype_);
  }

  // Seconds of one step with the first `num_adapters` adapters, which share
  // the rows equally.
  double Run(KernelContext& context, int64_t num_adapters) const {
    return absl::ToDoubleSeconds(Elapsed([&] {
      for (const Group& group : groups_) RunGroup(context, group, num_adapters);
    }));
  }

 private:
  void AddGroup(int64_t in, const std::vector<int64_t>& outs) {
    Group group = {Uniform({rows_, in}, dtype_), {}};
    for (const int64_t out : outs) {
      group.linears.emplace_back(out, in, dtype_, num_adapters_);
      base_bytes_ += group.linears.back().weight.bytes();
      for (const PackedWeight& a : group.linears.back().a) {
        adapter_bytes_ += a.bytes();
      }
      for (const PackedWeight& b : group.linears.back().b) {
        adapter_bytes_ += b.bytes();
      }
    }
    groups_.push_back(std::move(group));
  }

  void RunGroup(KernelContext& context, const Group& group,
                int64_t num_adapters) const {
    std::vector<WeightRun> runs;
    std::vector<std::vector<LowRankTerm>> terms(group.linears.size());
    std::vector<Projection> projections;
    runs.reserve(group.linears.size());
    for (size_t i = 0; i < group.linears.size(); ++i) {
      const Linear& linear = group.linears[i];
      runs.push_back({0, rows_, &linear.weight});
      for (int64_t d = 0; d < num_adapters; ++d) {
        terms[i].push_back({rows_ * d / num_adapters,
                            rows_ * (d + 1) / num_adapters, &linear.a[d],
                            &linear.b[d], 1.0f});
      }
      projections.push_back(
          {.weights = {&runs.back(), 1},
           .terms = terms[i],
           .y = at::empty({rows_, linear.weight.out_features()},
                          at::dtype(dtype_))});
    }
    LoraProjection(context, group.x, projections);
  }

  int64_t rows_;
  at::ScalarType dtype_;
  int64_t num_adapters_;
  std::vector<Group> groups_;
  double base_bytes_ = 0;
  double adapter_bytes_ = 0;
};

// Base alone, rows by threads: achieved share of the read bandwidth and of the
// arithmetic peak.
void BM_Base(benchmark::State& state, at::ScalarType dtype) {
  KernelContext context(static_cast<int>(state.range(1)));
  const MiniStep step(state.range(0), dtype, 0);
  const ReadStream stream;
  std::vector<double> seconds, of_stream, of_peak;
  for (auto _ : state) {
    const double time = step.Run(context, 0);
    state.SetIterationTime(time);
    seconds.push_back(time);
    of_stream.push_back(step.base_bytes() / time / stream.Measure(context));
    of_peak.push_back(step.flops() / time / PeakFlops(context, dtype));
  }
  state.counters["GB/s"] = step.base_bytes() / Median(seconds) / 1e9;
  state.counters["GFLOP/s"] = step.flops() / Median(seconds) / 1e9;
  state.counters["of_stream"] = Median(of_stream);
  state.counters["of_peak"] = Median(of_peak);
}

// The step with adapters over the step without, in pairs; beside it what the
// bytes alone would cost.
void BM_Lora(benchmark::State& state, at::ScalarType dtype) {
  KernelContext context(static_cast<int>(state.range(2)));
  const int64_t adapters = state.range(1);
  const MiniStep step(state.range(0), dtype, adapters);
  std::vector<double> overhead;
  for (auto _ : state) {
    const double base = step.Run(context, 0);
    const double lora = step.Run(context, adapters);
    state.SetIterationTime(lora);
    overhead.push_back(lora / base - 1);
  }
  state.counters["overhead_%"] = 100 * Median(overhead);
  state.counters["bytes_%"] = 100 * step.adapter_bytes() / step.base_bytes();
}

void BaseArgs(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "threads"})->UseManualTime();
  for (const int64_t rows : {1, 2, 4, 8, 16, 32, 64}) {
    bench->Args({rows, AvailableCpus()});
  }
  bench->Args({1, 1})->Args({64, 1})->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(BM_Base, bf16, at::kBFloat16)->Apply(BaseArgs);
BENCHMARK_CAPTURE(BM_Base, f32, at::kFloat)->Apply(BaseArgs);

void LoraArgs(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "adapters", "threads"})->UseManualTime();
  for (const int64_t adapters : {1, 4, 8}) {
    bench->Args({8, adapters, AvailableCpus()});
  }
  bench->Args({1, 1, AvailableCpus()})
      ->Args({64, 1, AvailableCpus()})
      ->Args({8, 8, 1})
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(BM_Lora, bf16, at::kBFloat16)->Apply(LoraArgs);
BENCHMARK_CAPTURE(BM_Lora, f32, at::kFloat)->Apply(LoraArgs);

}  // namespace
}  // namespace lora
