// SPDX-License-Identifier: Apache-2.0
#include <ATen/ops/empty.h>
#include <benchmark/benchmark.h>

#include <numeric>

#include "bench/support/bench_util.h"
#include "server/base/machine.h"
#include "server/kernels/paged_attention.h"

namespace lora {
namespace {

constexpr AttentionShape kShape = {.num_heads = 14,
                                   .num_kv_heads = 2,
                                   .head_dim = 64,
                                   .block_size = 16,
                                   .scale = 0.125f};
// Caches of so many layers outgrow the last-level cache.
constexpr int kLayers = 16;

// `rows` new rows of each of `sequences` sequences behind `context` positions.
void BM_Attention(benchmark::State& state, at::ScalarType dtype) {
  const int64_t sequences = state.range(0);
  const int64_t rows = state.range(1);
  const int64_t before = state.range(2);
  KernelContext context(static_cast<int>(state.range(3)));
  const int64_t blocks = (before + rows + 15) / 16;
  std::vector<int32_t> table(sequences * blocks);
  std::iota(table.begin(), table.end(), 0);
  std::vector<AttentionRows> batch;
  for (int64_t i = 0; i < sequences; ++i) {
    batch.push_back({i * rows, (i + 1) * rows, before,
                     absl::MakeSpan(table).subspan(i * blocks, blocks)});
  }
  std::vector<at::Tensor> k, v;
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::vector<int64_t> sizes = {sequences * blocks, 2, 16, 64};
    k.push_back(Uniform(sizes, dtype));
    v.push_back(Uniform(sizes, dtype));
  }
  const at::Tensor q = Uniform({sequences * rows, 14 * 64}, dtype);
  at::Tensor out = at::empty({sequences * rows, 14 * 64}, at::dtype(dtype));
  const ReadStream stream;
  std::vector<double> seconds, of_stream;
  const double bytes = 2.0 * k[0].nbytes();
  for (auto _ : state) {
    const double time =
        absl::ToDoubleSeconds(Elapsed([&] {
          for (int layer = 0; layer < kLayers; ++layer) {
            PagedAttention(context, q, {batch, kShape, k[layer], v[layer]},
                           out);
          }
        })) /
        kLayers;
    state.SetIterationTime(time);
    seconds.push_back(time);
    of_stream.push_back(bytes / time / stream.Measure(context));
  }
  const double flops =
      4.0 * sequences * rows * 14 * 64 * (before + (rows + 1) / 2.0);
  state.counters["GB/s"] = bytes / Median(seconds) / 1e9;
  state.counters["GFLOP/s"] = flops / Median(seconds) / 1e9;
  state.counters["of_stream"] = Median(of_stream);
}

void AttentionArgs(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"sequences", "rows", "context", "threads"})
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
  for (const int64_t threads : {1, AvailableCpus()}) {
    bench->Args({1, 1, 1024, threads})
        ->Args({8, 1, 1024, threads})
        ->Args({1, 64, 1024, threads});
  }
}
BENCHMARK_CAPTURE(BM_Attention, bf16, at::kBFloat16)->Apply(AttentionArgs);
BENCHMARK_CAPTURE(BM_Attention, f32, at::kFloat)->Apply(AttentionArgs);

}  // namespace
}  // namespace lora
