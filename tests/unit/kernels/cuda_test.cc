// SPDX-License-Identifier: Apache-2.0
// Every operation on CUDA tensors against the same call on the CPU.
#include <ATen/ops/zeros.h>

#include "server/kernels/elementwise.h"
#include "server/kernels/kernel_context.h"
#include "server/kernels/lora_projection.h"
#include "server/kernels/paged_attention.h"
#include "tests/unit/kernels/kernel_test_util.h"

namespace lora {
namespace {

class CudaTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  at::Tensor Random(std::vector<int64_t> sizes, uint32_t seed) const {
    return RandomTensor(std::move(sizes), GetParam(), seed);
  }
  PackedWeight Pack(const at::Tensor& matrix, at::Device device) const {
    absl::StatusOr<PackedWeight> packed =
        PackedWeight::Pack(matrix, GetParam(), device);
    EXPECT_TRUE(packed.ok()) << packed.status();
    return *std::move(packed);
  }
  // Float32 products on a GPU may round their factors.
  ::testing::AssertionResult SameAs(const at::Tensor& cuda,
                                    const at::Tensor& cpu) const {
    return IsClose(cuda.cpu(), cpu, GetParam() == at::kFloat ? 1e-3 : 1e-2);
  }

  KernelContext context_{2};
};

TEST_P(CudaTest, PackedWeightsComeBack) {
  const at::Tensor matrix = Random({70, 33}, 1);
  const PackedWeight packed = Pack(matrix, at::kCUDA);
  EXPECT_TRUE(packed.device().is_cuda());
  EXPECT_EQ(packed.bytes(),
            PackedWeight::PackedBytes(70, 33, GetParam(), at::kCUDA));
  EXPECT_TRUE(BitEqual(packed.Unpack(), matrix));
}

TEST_P(CudaTest, LoraProjection) {
  const at::Tensor x = Random({9, 64}, 2);
  const at::Tensor w = Random({80, 64}, 3);
  const at::Tensor a = Random({16, 64}, 4);
  const at::Tensor b = Random({80, 16}, 5);
  const at::Tensor bias = RandomTensor({80}, at::kFloat, 6);
  const auto compute = [&](at::Device device) {
    const PackedWeight weight = Pack(w, device);
    const PackedWeight shrink = Pack(a, device);
    const PackedWeight expand = Pack(b, device);
    const WeightRun run = {0, 9, &weight};
    const LowRankTerm term = {2, 7, &shrink, &expand, 0.5f};
    const at::Tensor y = Poison({9, 80}, GetParam()).to(device);
    LoraProjection(context_, x.to(device),
                   {Projection{.weights = {&run, 1},
                               .bias = bias.to(device),
                               .terms = {&term, 1},
                               .y = y}});
    return y;
  };
  EXPECT_TRUE(SameAs(compute(at::kCUDA), compute(at::kCPU)));
}

TEST_P(CudaTest, PagedAttention) {
  const AttentionShape shape = {.num_heads = 6,
                                .num_kv_heads = 2,
                                .head_dim = 32,
                                .block_size = 16,
                                .scale = 0.2f,
                                .window = 100};
  const at::Tensor q = Random({150, 6 * 32}, 7);
  const at::Tensor k = Random({150, 2 * 32}, 8);
  const at::Tensor v = Random({150, 2 * 32}, 9);
  const int32_t table[] = {3, 1, 4, 0, 5, 9, 2, 6, 8, 7};
  const AttentionRows rows = {0, 150, 0, table};
  const auto compute = [&](at::Device device) {
    const at::Tensor k_cache =
        at::zeros({10, 2, 16, 32}, at::dtype(GetParam()).device(device));
    const at::Tensor v_cache = k_cache.clone();
    at::Tensor out = Poison({150, 6 * 32}, GetParam()).to(device);
    const AttentionBatch batch = {{&rows, 1}, shape, k_cache, v_cache};
    WriteKvCache(context_, k.to(device), v.to(device), batch);
    PagedAttention(context_, q.to(device), batch, out);
    return out;
  };
  EXPECT_TRUE(SameAs(compute(at::kCUDA), compute(at::kCPU)));
}

TEST_P(CudaTest, RowOperations) {
  const at::Tensor table = Random({20, 64}, 10);
  const at::Tensor weight = Random({64}, 11);
  const at::Tensor angles = RandomTensor({4, 16}, at::kFloat, 12);
  const int32_t ids[] = {7, 0, 19, 7};
  const auto compute = [&](at::Device device) {
    at::Tensor x = Poison({4, 64}, GetParam()).to(device);
    at::Tensor normal = x.clone();
    at::Tensor out = x.clone();
    GatherRows(context_, table.to(device), ids, x);
    AddRmsNorm(context_, x, x.clone(), {weight.to(device), 1e-6}, normal);
    ApplyRope(context_, angles.cos().to(device), angles.sin().to(device), 32,
              normal);
    SiluMul(context_, normal, x, out);
    return out;
  };
  EXPECT_TRUE(SameAs(compute(at::kCUDA), compute(at::kCPU)));
}

INSTANTIATE_TEST_SUITE_P(Dtypes, CudaTest,
                         ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "f32" : "bf16";
                         });

}  // namespace
}  // namespace lora
