// SPDX-License-Identifier: Apache-2.0
#include "tests/invariance/resident_weights.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "server/adapter/format/adapter_reader.h"

namespace lora {
namespace {

constexpr int64_t kPlenty = int64_t{1} << 30;

template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return *std::move(value);
}

std::vector<AdapterHandle> Pin(DeviceCache& cache,
                               absl::Span<const WeightedKey> adapters) {
  std::vector<AdapterHandle> handles;
  for (const WeightedKey& adapter : adapters) {
    handles.push_back(cache.Lookup(adapter.key));
  }
  return handles;
}

}  // namespace

ResidentWeights::ResidentWeights(const std::string& base, ModelDtype dtype)
    : model_(ValueOrDie(DecoderModel::Load(base, {.dtype = dtype}))),
      uploader_(model_->spec(), model_->dtype(), model_->device()),
      device_cache_(kPlenty, &reclaimer_),
      merged_cache_(
          kPlenty,
          [this](int32_t module_index) -> const PackedWeight& {
            return model_->weight(module_index);
          },
          &reclaimer_, &clock_) {}

WeightedKey ResidentWeights::Load(const std::string& directory,
                                  const std::string& id, float weight) {
  const std::unique_ptr<HostAdapter> host =
      ValueOrDie(ReadAdapter(directory, AdapterId(id), model_->spec(), {},
                             [](double) { return absl::OkStatus(); }));
  device_cache_.InsertOrLookup(
      host->key, ValueOrDie(uploader_.Upload(*host)),
      ValueOrDie(device_cache_.Reserve(uploader_.DeviceBytes(host->spec))));
  return {.key = host->key, .weight = weight};
}

void ResidentWeights::Merge(const std::vector<WeightedKey>& adapters) {
  const std::vector<AdapterHandle> handles = Pin(device_cache_, adapters);
  ValueOrDie(merged_cache_.Merge(adapters, handles, /*pinned=*/true));
}

ExecutionPath ResidentWeights::ChoosePath(const RouteQuestion& question) {
  return question.preference == PathPreference::kMerged &&
                 !question.adapters.empty()
             ? ExecutionPath::kMerged
             : ExecutionPath::kUnmerged;
}

absl::StatusOr<PinOutcome> ResidentWeights::TryPin(
    absl::Span<const WeightedKey> adapters, ExecutionPath path,
    const WeightsFetch*) {
  ExecutionPins pins{.path = path};
  if (path == ExecutionPath::kMerged) {
    pins.merged = merged_cache_.TryAcquire(adapters);
  } else {
    pins.handles = Pin(device_cache_, adapters);
  }
  return pins;
}

}  // namespace lora
