// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/packed_weight.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

#include "server/base/status_macros.h"
#include "server/kernels/check.h"
#include "server/kernels/cpu/select.h"
#include "server/kernels/torch_status.h"

namespace lora {
namespace {

static_assert(PackedWeight::kPanel == kWidePanel);
static_assert(PackedWeight::kNarrowPanel == kNarrowPanel);

// From here on, padding the last wide panel costs little.
constexpr int64_t kAlwaysWide = 512;

int64_t PanelWidth(int64_t out_features) {
  const bool wide =
      out_features % kWidePanel == 0 || out_features >= kAlwaysWide;
  return wide ? kWidePanel : kNarrowPanel;
}

// The extents of packed panels.
struct Layout {
  Layout(int64_t out, int64_t in, int64_t item_bytes)
      : width(PanelWidth(out)),
        panels((out + width - 1) / width),
        pair(4 / item_bytes),
        words((in + pair - 1) / pair) {}

  int64_t panel_words() const { return words * width; }
  int64_t bytes() const { return panels * panel_words() * 4; }

  int64_t width;  // Columns a panel.
  int64_t panels;
  int64_t pair;   // Elements a 32-bit word.
  int64_t words;  // 32-bit words along `in`.
};

int64_t ItemBytes(at::ScalarType dtype) {
  return static_cast<int64_t>(c10::elementSize(dtype));
}

void CheckPackable(const at::Tensor& weight, at::ScalarType dtype) {
  LORA_CHECK(weight.dim() == 2 && weight.numel() > 0, "expected [out, in]");
  LORA_CHECK(dtype == at::kFloat || dtype == at::kBFloat16,
             "weights are packed as float32 or bfloat16");
}

// Fills `packed` from row-major `source` [out, in].
void PackPanels(const at::Tensor& source, const Layout& layout, char* packed) {
  const int64_t out = source.size(0);
  const int64_t in = source.size(1);
  const int64_t item = ItemBytes(source.scalar_type());
  const char* rows = static_cast<const char*>(source.const_data_ptr());
  const CpuKernels& kernels = BestCpuKernels();
  for (int64_t panel = 0; panel < layout.panels; ++panel) {
    const int64_t first = panel * layout.width;
    const int64_t columns = std::min(layout.width, out - first);
    auto* words =
        reinterpret_cast<uint32_t*>(packed) + panel * layout.panel_words();
    kernels.transpose({.data = rows + first * in * item,
                       .stride_bytes = in * item,
                       .rows = columns,
                       .columns = in / layout.pair},
                      words, layout.width);
    if (in % layout.pair == 0) continue;
    // The unpaired last column of bfloat16.
    uint32_t* last = words + (layout.words - 1) * layout.width;
    for (int64_t j = 0; j < columns; ++j) {
      std::memcpy(last + j, rows + ((first + j) * in + in - 1) * item, item);
    }
  }
}

}  // namespace

int64_t PackedWeight::PackedBytes(int64_t out_features, int64_t in_features,
                                  at::ScalarType dtype, at::Device device) {
  const int64_t item = ItemBytes(dtype);
  if (!device.is_cpu()) return out_features * in_features * item;
  return Layout(out_features, in_features, item).bytes();
}

absl::StatusOr<PackedWeight> PackedWeight::Pack(const at::Tensor& weight,
                                                at::ScalarType dtype,
                                                at::Device device) {
  CheckPackable(weight, dtype);
  const int64_t bytes =
      PackedBytes(weight.size(0), weight.size(1), dtype, device);
  LORA_ASSIGN_OR_RETURN(WeightArena arena, WeightArena::Create(bytes, device));
  return Pack(weight, dtype, device, arena);
}

absl::StatusOr<PackedWeight> PackedWeight::Pack(const at::Tensor& weight,
                                                at::ScalarType dtype,
                                                at::Device device,
                                                WeightArena& arena) {
  CheckPackable(weight, dtype);
  PackedWeight packed;
  packed.out_features_ = weight.size(0);
  packed.in_features_ = weight.size(1);
  packed.panel_ = PanelWidth(packed.out_features_);
  LORA_RETURN_IF_ERROR(TorchGuard([&] {
    const at::Tensor source = weight.to(dtype).contiguous();
    if (!device.is_cpu()) {
      packed.data_ = arena.Take(source.numel(), dtype).view(source.sizes());
      packed.data_.copy_(source);
      return absl::OkStatus();
    }
    const Layout layout(packed.out_features_, packed.in_features_,
                        ItemBytes(dtype));
    packed.data_ = arena.Take(layout.bytes() / ItemBytes(dtype), dtype);
    char* data = static_cast<char*>(packed.data_.mutable_data_ptr());
    const bool padded = packed.out_features_ % layout.width != 0 ||
                        packed.in_features_ % layout.pair != 0;
    if (padded) std::memset(data, 0, layout.bytes());
    PackPanels(source, layout, data);
    return absl::OkStatus();
  }));
  return packed;
}

at::Tensor PackedWeight::Unpack() const {
  LORA_CHECK(defined(), "an empty weight has no matrix");
  if (!device().is_cpu()) return data_.cpu();
  at::Tensor matrix =
      at::empty({out_features_, in_features_}, at::dtype(dtype()));
  const int64_t item = ItemBytes(dtype());
  const Layout layout(out_features_, in_features_, item);
  const char* packed = static_cast<const char*>(data_.const_data_ptr());
  char* rows = static_cast<char*>(matrix.mutable_data_ptr());
  for (int64_t o = 0; o < out_features_; ++o) {
    const char* column =
        packed +
        ((o / layout.width) * layout.panel_words() + o % layout.width) * 4;
    for (int64_t k = 0; k < in_features_; k += layout.pair) {
      const int64_t pair = std::min(layout.pair, in_features_ - k);
      std::memcpy(rows + (o * in_features_ + k) * item,
                  column + k / layout.pair * layout.width * 4, pair * item);
    }
  }
  return matrix;
}

}  // namespace lora
