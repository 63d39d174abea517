// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_INVARIANCE_RESIDENT_WEIGHTS_H_
#define LORA_TESTS_INVARIANCE_RESIDENT_WEIGHTS_H_

#include <memory>
#include <string>
#include <vector>

#include "server/adapter/device_adapter.h"
#include "server/adapter/execution_pins.h"
#include "server/base/clock.h"
#include "server/base/reclaimer.h"
#include "server/lora/merged_weight_cache.h"
#include "server/lora/torch_uploader.h"
#include "server/model/decoder/decoder_model.h"

namespace lora {

// A base model with all the adapters and merged copies that a test uses, on the
// device for good: pins are always there. A failure to load ends the program.
class ResidentWeights final : public PathRouter {
 public:
  ResidentWeights(const std::string& base, ModelDtype dtype);

  DecoderModel& model() const { return *model_; }

  // Loads the adapter in `directory` and names it `id`.
  WeightedKey Load(const std::string& directory, const std::string& id,
                   float weight);
  // Builds the merged copy of `adapters` (canonical).
  void Merge(const std::vector<WeightedKey>& adapters);

  // PathRouter: AUTO is unmerged.
  ExecutionPath ChoosePath(const RouteQuestion& question) override;
  absl::StatusOr<PinOutcome> TryPin(absl::Span<const WeightedKey> adapters,
                                    ExecutionPath path,
                                    const WeightsFetch* awaited) override;

 private:
  const RealClock clock_;
  const std::unique_ptr<DecoderModel> model_;
  TorchUploader uploader_;
  Reclaimer reclaimer_;
  DeviceCache device_cache_;
  MergedWeightCache merged_cache_;
};

}  // namespace lora

#endif  // LORA_TESTS_INVARIANCE_RESIDENT_WEIGHTS_H_
