// SPDX-License-Identifier: Apache-2.0
// Whole steps of a decoder — projections, attention, norms, head — of 0.5B
// shapes with fewer layers: with adapters over without, and against the memory
// bandwidth of the same run.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/random_model.h"
#include "bench/support/bench_util.h"
#include "server/adapter/format/adapter_reader.h"
#include "server/base/machine.h"
#include "server/kernels/kernel_context.h"
#include "server/lora/torch_uploader.h"
#include "server/model/decoder/decoder_model.h"
#include "server/model/kv_cache.h"

namespace lora {
namespace {

constexpr int kAdapters = 8;
constexpr int64_t kRank = 16;
constexpr int32_t kContext = 128;

// Several times the last-level cache, in bfloat16.
ModelShape Shape() {
  ModelShape shape = kShape05B;
  shape.layers = 4;
  return shape;
}

template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return *std::move(value);
}

void OkOrDie(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::abort();
}

// A random model and its adapters on disk, gone when the program ends.
class Files {
 public:
  Files()
      : root_((std::filesystem::temp_directory_path() / "lora-step-XXXXXX")
                  .string()) {
    if (::mkdtemp(root_.data()) == nullptr) std::abort();
    std::filesystem::create_directory(base());
    OkOrDie(WriteRandomModel(base(), Shape(), 1));
    for (int i = 0; i < kAdapters; ++i) {
      std::filesystem::create_directory(adapter(i));
      OkOrDie(WriteRandomAdapter(adapter(i), Shape(), kRank, 2 + i));
    }
  }
  ~Files() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  std::string base() const { return root_ + "/base"; }
  std::string adapter(int i) const { return absl::StrCat(root_, "/a", i); }

 private:
  std::string root_;
};

// The model and the adapters as a server would load them.
class Model {
 public:
  static const Model& Get(ModelDtype dtype) {
    static const Files files;
    static std::map<ModelDtype, std::unique_ptr<const Model>> models;
    auto& model = models[dtype];
    if (model == nullptr) model.reset(new Model(files, dtype));
    return *model;
  }

  DecoderModel& decoder() const { return *decoder_; }
  const LoraWeights& adapter(int i) const {
    return static_cast<const LoraWeights&>(*adapters_[i]);
  }
  int64_t bytes_per_adapter() const { return adapter(0).device_bytes(); }

 private:
  Model(const Files& files, ModelDtype dtype)
      : decoder_(
            ValueOrDie(DecoderModel::Load(files.base(), {.dtype = dtype}))) {
    TorchUploader uploader(decoder_->spec(), decoder_->dtype(),
                           decoder_->device());
    for (int i = 0; i < kAdapters; ++i) {
      adapters_.push_back(ValueOrDie(uploader.Upload(*ValueOrDie(
          ReadAdapter(files.adapter(i), AdapterId("bench"), decoder_->spec(),
                      {}, [](double) { return absl::OkStatus(); })))));
    }
  }

  std::unique_ptr<DecoderModel> decoder_;
  std::vector<std::unique_ptr<const DeviceAdapter>> adapters_;
};

// The same step over and over: `sequences` of `rows` tokens each, at the same
// positions of their contexts.
class Step {
 public:
  Step(const Model& model, int32_t sequences, int32_t rows, int threads)
      : model_(model),
        context_(threads),
        sequences_(sequences),
        rows_(rows),
        cache_(ValueOrDie(KvCache::Create(model.decoder().kv_shape(),
                                          sequences * kBlocks, at::kCPU))) {
    for (int32_t i = 0; i < sequences * kBlocks; ++i) blocks_.push_back(i);
  }

  // Seconds of one step in which the first `adapters` adapters share the
  // sequences equally; 0: the base alone.
  double Run(int adapters) {
    const StepInputs inputs = Inputs(adapters);
    return absl::ToDoubleSeconds(Elapsed([&] {
      benchmark::DoNotOptimize(
          ValueOrDie(model_.decoder().Forward(context_, inputs, cache_)));
    }));
  }
  KernelContext& context() { return context_; }
  int64_t num_tokens() const { return int64_t{sequences_} * rows_; }

 private:
  static constexpr int32_t kBlocks = 2 * kContext / kKvBlockSize;

  StepInputs Inputs(int adapters) const {
    StepInputs inputs;
    std::vector<WeightedSlotAdapter> terms(sequences_);
    std::vector<RowAdapters> row_adapters;
    for (int32_t i = 0; i < sequences_; ++i) {
      inputs.sequences.push_back(
          {.row_begin = i * rows_,
           .row_end = (i + 1) * rows_,
           .position_begin = kContext,
           .prompt_length = kContext,
           .block_table =
               absl::MakeConstSpan(blocks_).subspan(i * kBlocks, kBlocks)});
      inputs.logit_rows.push_back((i + 1) * rows_ - 1);
      for (int32_t t = 0; t < rows_; ++t) {
        inputs.token_ids.push_back((i * rows_ + t) % Shape().vocab);
      }
      RowAdapters range = {.num_rows = rows_};
      if (adapters > 0) {
        terms[i].adapter = &model_.adapter(i * adapters / sequences_);
        range.adapters = {&terms[i], 1};
      }
      row_adapters.push_back(range);
    }
    inputs.adapters = BuildStepAdapters(row_adapters);
    return inputs;
  }

  const Model& model_;
  KernelContext context_;
  const int32_t sequences_;
  const int32_t rows_;
  KvCache cache_;
  std::vector<int32_t> blocks_;
};

// The base alone and with adapters in pairs: the share of the bandwidth that
// the base reaches, what adapters add, and what their bytes alone would add.
void Measure(benchmark::State& state, const Model& model, Step& step,
             int adapters) {
  const ReadStream stream;
  const auto base_bytes = static_cast<double>(model.decoder().weight_bytes());
  std::vector<double> seconds, of_stream, overhead;
  for (auto _ : state) {
    const double base = step.Run(0);
    const double with = adapters == 0 ? base : step.Run(adapters);
    state.SetIterationTime(with);
    seconds.push_back(with);
    of_stream.push_back(base_bytes / base / stream.Measure(step.context()));
    overhead.push_back(with / base - 1);
  }
  state.counters["tokens/s"] =
      static_cast<double>(step.num_tokens()) / Median(seconds);
  state.counters["of_stream"] = Median(of_stream);
  state.counters["overhead_%"] = 100 * Median(overhead);
  state.counters["bytes_%"] = 100 * adapters *
                              static_cast<double>(model.bytes_per_adapter()) /
                              base_bytes;
}

// One token of each sequence.
void BM_Decode(benchmark::State& state, ModelDtype dtype) {
  const Model& model = Model::Get(dtype);
  Step step(model, static_cast<int32_t>(state.range(0)), 1, AvailableCpus());
  Measure(state, model, step, static_cast<int>(state.range(1)));
}

// A chunk of one prompt.
void BM_Prefill(benchmark::State& state, ModelDtype dtype) {
  const Model& model = Model::Get(dtype);
  Step step(model, 1, static_cast<int32_t>(state.range(0)), AvailableCpus());
  Measure(state, model, step, static_cast<int>(state.range(1)));
}

void DecodeArgs(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"sequences", "adapters"})
      ->Args({1, 0})
      ->Args({1, 1})
      ->Args({8, 0})
      ->Args({8, 1})
      ->Args({8, 8})
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(BM_Decode, bf16, ModelDtype::kBF16)->Apply(DecodeArgs);
BENCHMARK_CAPTURE(BM_Decode, f32, ModelDtype::kF32)->Apply(DecodeArgs);

void PrefillArgs(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "adapters"})
      ->Args({64, 0})
      ->Args({64, 1})
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(BM_Prefill, bf16, ModelDtype::kBF16)->Apply(PrefillArgs);
BENCHMARK_CAPTURE(BM_Prefill, f32, ModelDtype::kF32)->Apply(PrefillArgs);

}  // namespace
}  // namespace lora
