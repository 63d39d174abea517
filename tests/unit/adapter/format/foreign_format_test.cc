// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/foreign_format.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

TEST(ForeignFormatTest, LycorisPartsAreWholeParts) {
  for (const char* key : {"x.hada_w1_a", "x.lokr_w2", "x.oft_blocks", "x.diff",
                          "x.diff_b", "x.w_norm", "x.b_norm", "x.on_input",
                          "x.rescale", "bundle_emb.token.vec"}) {
    EXPECT_TRUE(IsLycorisKey(key)) << key;
  }
  for (const char* key : {"x.lora_A.weight", "x.difference", "x.my_diff",
                          "x.bundle_emb", "soft_x", ""}) {
    EXPECT_FALSE(IsLycorisKey(key)) << key;
  }
}

struct Format {
  std::vector<std::string> keys;
  absl::StatusCode code;
  ErrorReason reason;
  std::string message;
};

TEST(ForeignFormatTest, EachFormatIsRefusedByItsName) {
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const Format& c : std::vector<Format>{
           {{"lora_unet_a.lora_down.weight", "lora_te_b.alpha"},
            kUnimplemented,
            ErrorReason::kFeature,
            "kohya"},
           {{"unet.a.lora_A.weight", "text_encoder.b.lora_B.weight"},
            kUnimplemented,
            ErrorReason::kFeature,
            "diffusers"},
           {{"down.attn.processor.to_q_lora.down.weight"},
            kUnimplemented,
            ErrorReason::kFeature,
            "early diffusers"},
           {{"base_model.model.linear1.lora_A.weight"},
            kUnimplemented,
            ErrorReason::kFeature,
            "PEFT state dict"},
           {{"diffusion_model.a.lora_A.weight"},
            kUnimplemented,
            ErrorReason::kFeature,
            "another tool"},
           {{"unet.a.lokr_w1"},
            kUnimplemented,
            ErrorReason::kLycorisAlgo,
            "LyCORIS"},
           {{"lora_unet_a.lora_down.weight", "unet.b.lora_A.weight"},
            kInvalid,
            ErrorReason::kKeyConflict,
            "kohya"},
           {{"model.layers.0.weight"},
            kInvalid,
            ErrorReason::kKeyUnknown,
            "model.layers.0.weight"},
           {{}, kInvalid, ErrorReason::kEmpty, "no tensors"}}) {
    std::vector<TensorInfo> tensors;
    for (const std::string& key : c.keys) {
      tensors.emplace_back();
      tensors.back().name = key;
    }
    const absl::Status status = RefuseForeignFormat(tensors);
    EXPECT_THAT(status, StatusIs(c.code, c.reason));
    EXPECT_THAT(status, MessageIs(HasSubstr(c.message)));
  }
}

}  // namespace
}  // namespace lora
