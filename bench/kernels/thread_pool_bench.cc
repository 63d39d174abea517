// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "bench/support/bench_util.h"
#include "server/base/machine.h"

namespace lora {
namespace {

void BM_ForkJoin(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    pool.Run([](int worker) { benchmark::DoNotOptimize(worker); });
  }
}
BENCHMARK(BM_ForkJoin)->Arg(1)->Arg(AvailableCpus())->UseRealTime();

void BM_Barrier(benchmark::State& state) {
  constexpr int kBarriers = 100;
  ThreadPool pool(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    pool.Run([&](int) {
      for (int i = 0; i < kBarriers; ++i) pool.Barrier();
    });
  }
  state.SetItemsProcessed(state.iterations() * kBarriers);
}
BENCHMARK(BM_Barrier)->Arg(1)->Arg(AvailableCpus())->UseRealTime();

}  // namespace
}  // namespace lora
