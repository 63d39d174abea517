// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/foreign_format.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/error.h"

namespace lora {
namespace {

bool StartsWithAny(absl::string_view key,
                   std::initializer_list<absl::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [key](absl::string_view prefix) {
                       return absl::StartsWith(key, prefix);
                     });
}

bool IsKohyaKey(absl::string_view key) {
  return StartsWithAny(key,
                       {"lora_unet_", "lora_te_", "lora_te1_", "lora_te2_"});
}

bool IsOtherToolsKey(absl::string_view key) {
  return StartsWithAny(key, {"diffusion_model.", "lora_transformer_",
                             "lora_prior_", "lycoris_"});
}

bool IsDiffusersKey(absl::string_view key) {
  return StartsWithAny(key, {"unet.", "text_encoder.", "text_encoder_2.",
                             "text_encoder_3.", "transformer.", "controlnet."});
}

bool IsAttentionProcessorKey(absl::string_view key) {
  return absl::StrContains(key, ".processor.") &&
         absl::StrContains(key, "_lora.");
}

bool IsPeftKey(absl::string_view key) {
  return absl::StrContains(key, ".lora_A.") ||
         absl::StrContains(key, ".lora_B.");
}

absl::Status Unimplemented(absl::string_view format) {
  return Error(absl::StatusCode::kUnimplemented, ErrorReason::kFeature,
               absl::StrCat("is ", format,
                            ", which is not implemented; expected a folder "
                            "with adapter_config.json and "
                            "adapter_model.safetensors, as PEFT saves it"));
}

}  // namespace

bool IsLycorisKey(absl::string_view key) {
  if (absl::StartsWith(key, "bundle_emb.")) return true;
  constexpr absl::string_view kParts[] = {"diff",   "diff_b",   "w_norm",
                                          "b_norm", "on_input", "rescale"};
  for (const absl::string_view part : absl::StrSplit(key, '.')) {
    if (StartsWithAny(part, {"hada_", "lokr_", "oft_"}) ||
        std::find(std::begin(kParts), std::end(kParts), part) !=
            std::end(kParts)) {
      return true;
    }
  }
  return false;
}

absl::Status RefuseForeignFormat(absl::Span<const TensorInfo> tensors) {
  const auto count = [tensors](bool (*is_key)(absl::string_view)) {
    return static_cast<size_t>(std::count_if(
        tensors.begin(), tensors.end(),
        [is_key](const TensorInfo& tensor) { return is_key(tensor.name); }));
  };
  if (tensors.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kEmpty,
                 "holds no tensors");
  }
  const size_t num_kohya = count(IsKohyaKey);
  if (num_kohya != 0 && num_kohya != tensors.size()) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kKeyConflict,
                 absl::StrCat("holds ", num_kohya,
                              " tensors named as kohya "
                              "does and ",
                              tensors.size() - num_kohya, " others"));
  }
  if (count(IsLycorisKey) != 0) {
    return Error(absl::StatusCode::kUnimplemented, ErrorReason::kLycorisAlgo,
                 "holds tensors of a LyCORIS algorithm; only plain LoRA is "
                 "served");
  }
  if (num_kohya != 0) return Unimplemented("a kohya LoRA file");
  if (count(IsOtherToolsKey) != 0) {
    return Unimplemented("a LoRA file of another tool");
  }
  if (count(IsDiffusersKey) != 0) return Unimplemented("a diffusers LoRA file");
  if (count(IsAttentionProcessorKey) != 0) {
    return Unimplemented("a LoRA file of an early diffusers");
  }
  if (count(IsPeftKey) != 0) return Unimplemented("a bare PEFT state dict");
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kKeyUnknown,
               absl::StrCat("holds no LoRA weights: its first tensor is \"",
                            tensors[0].name, "\""));
}

}  // namespace lora
