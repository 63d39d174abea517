// SPDX-License-Identifier: Apache-2.0
// What the machine gives: the yardsticks of the other benches.
#include <benchmark/benchmark.h>

#include "bench/support/bench_util.h"
#include "server/base/machine.h"

namespace lora {
namespace {

void BM_ReadStream(benchmark::State& state) {
  KernelContext context(static_cast<int>(state.range(0)));
  const ReadStream stream;
  std::vector<double> rates;
  for (auto _ : state) rates.push_back(stream.Measure(context));
  state.counters["GB/s"] = Median(rates) / 1e9;
}
BENCHMARK(BM_ReadStream)->Arg(1)->Arg(AvailableCpus())->UseRealTime();

void BM_PeakFlops(benchmark::State& state, at::ScalarType dtype) {
  KernelContext context(static_cast<int>(state.range(0)));
  std::vector<double> rates;
  for (auto _ : state) rates.push_back(PeakFlops(context, dtype));
  state.counters["GFLOP/s"] = Median(rates) / 1e9;
}
BENCHMARK_CAPTURE(BM_PeakFlops, f32, at::kFloat)
    ->Arg(1)
    ->Arg(AvailableCpus())
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_PeakFlops, bf16, at::kBFloat16)
    ->Arg(1)
    ->Arg(AvailableCpus())
    ->UseRealTime();

}  // namespace
}  // namespace lora
