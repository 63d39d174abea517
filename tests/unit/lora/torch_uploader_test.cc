// SPDX-License-Identifier: Apache-2.0
#include "server/lora/torch_uploader.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/lora/lora_test_util.h"

namespace lora {
namespace {

BaseModelSpec TwoLinears() {
  BaseModelSpec base;
  base.modules = {{"norm", ModuleType::kNorm, 8, 8},
                  {"up", ModuleType::kLinear, 24, 40},
                  {"down", ModuleType::kLinear, 40, 24}};
  return base;
}

// An adapter of rank 3 for "down" whose file holds A and B from `offset` on.
HostAdapter AdapterFile(const at::Tensor& a, const at::Tensor& b,
                        AdapterDtype dtype, int64_t offset) {
  HostAdapter adapter;
  adapter.key = KeyOf("a");
  adapter.spec.dtype = dtype;
  adapter.spec.modules = {
      {2, 3, 0.75f, offset, offset + static_cast<int64_t>(a.nbytes())}};
  adapter.bytes = std::string(static_cast<size_t>(offset), 'x');
  for (const at::Tensor& matrix : {a, b}) {
    adapter.bytes.append(static_cast<const char*>(matrix.const_data_ptr()),
                         matrix.nbytes());
  }
  return adapter;
}

struct DtypeCase {
  AdapterDtype dtype;
  at::ScalarType scalar_type;
};

TEST(TorchUploaderTest, EveryDtypeIsRoundedOnceToTheComputeDtype) {
  const BaseModelSpec base = TwoLinears();
  for (const DtypeCase& c : {DtypeCase{AdapterDtype::kF32, at::kFloat},
                             DtypeCase{AdapterDtype::kF16, at::kHalf},
                             DtypeCase{AdapterDtype::kBF16, at::kBFloat16},
                             DtypeCase{AdapterDtype::kF64, at::kDouble}}) {
    const at::Tensor a = RandomMatrix(3, 40, 1).to(c.scalar_type);
    const at::Tensor b = RandomMatrix(24, 3, 2).to(c.scalar_type);
    // An odd offset: data in a file need not be aligned.
    const HostAdapter adapter = AdapterFile(a, b, c.dtype, 13);
    for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
      TorchUploader uploader(base, compute, at::kCPU);
      ASSERT_OK_AND_ASSIGN(const auto uploaded, uploader.Upload(adapter));
      const auto& weights = static_cast<const LoraWeights&>(*uploaded);
      const LoraWeights::Module* module = weights.module(2);
      ASSERT_NE(module, nullptr);
      EXPECT_EQ(module->scaling, 0.75f);
      EXPECT_TRUE(SameBits(module->a.Unpack(), a.to(compute)));
      EXPECT_TRUE(SameBits(module->b.Unpack(), b.to(compute)));
      EXPECT_EQ(weights.module(1), nullptr);
    }
  }
}

TEST(TorchUploaderTest, DeviceBytesAreWhatUploadAllocates) {
  const BaseModelSpec base = TwoLinears();
  const HostAdapter adapter = AdapterFile(
      RandomMatrix(3, 40, 1), RandomMatrix(24, 3, 2), AdapterDtype::kF32, 0);
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    TorchUploader uploader(base, compute, at::kCPU);
    ASSERT_OK_AND_ASSIGN(const auto uploaded, uploader.Upload(adapter));
    const auto& weights = static_cast<const LoraWeights&>(*uploaded);
    EXPECT_EQ(weights.device_bytes(), uploader.DeviceBytes(adapter.spec));
    // In one arena: B follows A.
    const LoraWeights::Module& module = weights.modules().front().module;
    const auto* a = static_cast<const char*>(module.a.data().const_data_ptr());
    EXPECT_EQ(module.b.data().const_data_ptr(), a + module.a.bytes());
  }
}

}  // namespace
}  // namespace lora
