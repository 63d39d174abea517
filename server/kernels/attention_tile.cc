// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/attention_tile.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "server/kernels/element_kernels.h"

namespace lora {
namespace {

// Rows times heads that a tile aims at: enough to amortise the packing of keys
// and values, few enough for the second-level cache.
constexpr int64_t kTargetRows = 64;
constexpr int64_t kCacheLine = 64;
constexpr int64_t kKeyPanels = kAttentionChunk / kWidePanel;

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int64_t GroupSize(const AttentionShape& shape) {
  return shape.num_heads / shape.num_kv_heads;
}

int64_t ValueWidth(const AttentionShape& shape) {
  return shape.head_dim % kWidePanel == 0 ? kWidePanel : kNarrowPanel;
}

}  // namespace

AttentionBuffers::AttentionBuffers(const AttentionShape& shape, void* scratch) {
  const int64_t rows = AttentionTile::RowsPerItem(shape) * GroupSize(shape);
  const int64_t depth = shape.head_dim;
  const int64_t padded = RoundUp(depth, ValueWidth(shape));
  const auto take = [&](auto*& piece, int64_t count) {
    using Item = std::remove_reference_t<decltype(*piece)>;
    piece = reinterpret_cast<Item*>(static_cast<char*>(scratch) + bytes);
    bytes += RoundUp(count * sizeof(Item), kCacheLine);
  };
  // Queries and keys are sized for float32.
  take(queries, rows * depth * sizeof(float));
  take(keys, kAttentionChunk * depth * sizeof(float));
  take(values, kAttentionChunk * padded);
  take(scores, rows * kAttentionChunk);
  take(chunk_sums, rows * padded);
  take(chunk_softmax, rows);
  take(sums, rows * padded);
  take(softmax, rows);
}

int64_t AttentionBuffers::Bytes(const AttentionShape& shape) {
  return AttentionBuffers(shape, nullptr).bytes;
}

int64_t AttentionTile::RowsPerItem(const AttentionShape& shape) {
  return std::max<int64_t>(1, kTargetRows / GroupSize(shape));
}

AttentionTile::AttentionTile(const KernelContext& context,
                             const AttentionData& data, void* scratch)
    : kernels_(context.kernels()),
      element_(KernelsFor(context, data.dtype)),
      data_(data),
      shape_(data.shape),
      buffers_(data.shape, scratch),
      group_(GroupSize(data.shape)),
      value_width_(ValueWidth(data.shape)),
      value_panels_((data.shape.head_dim + value_width_ - 1) / value_width_) {}

void AttentionTile::Run(const AttentionItem& item) {
  item_ = item;
  GatherQueries();
  const Range first = Visible(item.rows.begin);
  const Range last = Visible(item.rows.end - 1);
  for (int64_t chunk = first.begin / kAttentionChunk;
       chunk * kAttentionChunk < last.end; ++chunk) {
    AddChunk({chunk * kAttentionChunk, (chunk + 1) * kAttentionChunk});
  }
  StoreRows();
}

Range AttentionTile::Visible(int64_t row) const {
  const AttentionRows& sequence = *item_.sequence;
  const int64_t end = sequence.position_begin + row - sequence.row_begin + 1;
  const int64_t begin =
      shape_.window > 0 ? std::max<int64_t>(0, end - shape_.window) : 0;
  return {begin, end};
}

const char* AttentionTile::CacheAt(const char* cache, int64_t position) const {
  const int64_t block =
      item_.sequence->block_table[position / shape_.block_size];
  const int64_t row =
      (block * shape_.num_kv_heads + item_.kv_head) * shape_.block_size +
      position % shape_.block_size;
  return cache + row * shape_.head_dim * element_.element_size;
}

int64_t AttentionTile::HeadsAt(int64_t row) const {
  const int64_t head = row * shape_.num_heads + item_.kv_head * group_;
  return head * shape_.head_dim * element_.element_size;
}

void AttentionTile::GatherQueries() {
  const int64_t bytes = group_ * shape_.head_dim * element_.element_size;
  const int64_t sums = value_panels_ * value_width_;
  for (int64_t row = item_.rows.begin; row < item_.rows.end; ++row) {
    std::memcpy(buffers_.queries + (row - item_.rows.begin) * bytes,
                data_.q + HeadsAt(row), bytes);
  }
  const int64_t count = item_.rows.size() * group_;
  std::fill_n(buffers_.sums, count * sums, 0.0f);
  std::fill_n(buffers_.softmax, count,
              ChunkSoftmax{-std::numeric_limits<float>::infinity(), 0.0f});
}

void AttentionTile::AddChunk(Range chunk) {
  const Range seen = Intersect(chunk, {Visible(item_.rows.begin).begin,
                                       Visible(item_.rows.end - 1).end});
  PackKeys(chunk, seen);
  PackValues(chunk, seen);
  Score(chunk, seen);
  // Rows that see the same positions go together: all of them, except in the
  // chunks that the causal diagonal or the window's edge crosses.
  for (int64_t row = item_.rows.begin; row < item_.rows.end;) {
    const Range visible = Intersect(chunk, Visible(row));
    int64_t end = row + 1;
    while (end < item_.rows.end && Intersect(chunk, Visible(end)) == visible) {
      ++end;
    }
    if (!visible.empty()) {
      WeighValues(chunk, {row, end}, visible);
      Fold({row, end});
    }
    row = end;
  }
}

void AttentionTile::PackKeys(Range chunk, Range seen) {
  const int64_t head_bytes = shape_.head_dim * element_.element_size;
  const int64_t words = head_bytes / 4;
  auto* panels = reinterpret_cast<uint32_t*>(buffers_.keys);
  // Whole blocks, or halves of the largest: what lies beyond `seen` is memory
  // of the cache all the same, and its scores are never read.
  const int64_t step = std::min(shape_.block_size, kWidePanel);
  for (int64_t position = seen.begin / step * step; position < seen.end;
       position += step) {
    const int64_t column = position - chunk.begin;
    kernels_.transpose(
        {.data = CacheAt(data_.k_cache, position),
         .stride_bytes = head_bytes,
         .rows = step,
         .columns = words},
        panels + column / kWidePanel * kWidePanel * words + column % kWidePanel,
        kWidePanel);
  }
}

void AttentionTile::PackValues(Range chunk, Range seen) {
  for (int64_t position = seen.begin; position < seen.end;) {
    const int64_t left = shape_.block_size - position % shape_.block_size;
    const int64_t count = std::min(left, seen.end - position);
    PackValueRows(CacheAt(data_.v_cache, position), position - chunk.begin,
                  count);
    position += count;
  }
}

void AttentionTile::PackValueRows(const char* rows, int64_t first,
                                  int64_t count) {
  if (value_width_ == shape_.head_dim) {
    // The rows of a block are the panel.
    element_.widen(rows, count * value_width_,
                   buffers_.values + first * value_width_);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const char* value = rows + i * shape_.head_dim * element_.element_size;
    for (int64_t panel = 0; panel < value_panels_; ++panel) {
      const int64_t column = panel * value_width_;
      element_.widen(value + column * element_.element_size,
                     std::min(value_width_, shape_.head_dim - column),
                     buffers_.values +
                         (panel * kAttentionChunk + first + i) * value_width_);
    }
  }
}

void AttentionTile::Score(Range chunk, Range seen) {
  const int64_t first = (seen.begin - chunk.begin) / kWidePanel;
  const int64_t end = (seen.end - chunk.begin + kWidePanel - 1) / kWidePanel;
  const int64_t panel_elements = shape_.head_dim * kWidePanel;
  element_.gemm_wide(
      {.x = buffers_.queries,
       .x_stride = shape_.head_dim,
       .rows = item_.rows.size() * group_,
       .depth = shape_.head_dim,
       .w = buffers_.keys + first * panel_elements * element_.element_size,
       .panel_stride = panel_elements,
       .panels = end - first,
       .out = buffers_.scores + first * kWidePanel,
       .out_stride = kAttentionChunk});
}

void AttentionTile::WeighValues(Range chunk, Range rows, Range seen) {
  const int64_t offset = seen.begin - chunk.begin;
  const int64_t stride = value_panels_ * value_width_;
  for (int64_t m = First(rows.begin); m < First(rows.end); ++m) {
    buffers_.chunk_softmax[m] =
        kernels_.softmax(buffers_.scores + m * kAttentionChunk + offset,
                         seen.size(), shape_.scale);
  }
  const auto gemm = value_width_ == kWidePanel ? kernels_.f32.gemm_wide
                                               : kernels_.f32.gemm_narrow;
  const int64_t m = First(rows.begin);
  gemm({.x = buffers_.scores + m * kAttentionChunk + offset,
        .x_stride = kAttentionChunk,
        .rows = rows.size() * group_,
        .depth = seen.size(),
        .w = buffers_.values + offset * value_width_,
        .panel_stride = kAttentionChunk * value_width_,
        .panels = value_panels_,
        .out = buffers_.chunk_sums + m * stride,
        .out_stride = stride});
}

void AttentionTile::Fold(Range rows) {
  const int64_t stride = value_panels_ * value_width_;
  for (int64_t m = First(rows.begin); m < First(rows.end); ++m) {
    const ChunkSoftmax& chunk = buffers_.chunk_softmax[m];
    ChunkSoftmax& so_far = buffers_.softmax[m];
    const float max = std::max(so_far.max, chunk.max);
    const float keep = std::exp(so_far.max - max);
    const float gain = std::exp(chunk.max - max);
    kernels_.scale_add(buffers_.sums + m * stride, keep,
                       buffers_.chunk_sums + m * stride, gain, stride);
    so_far = {max, so_far.sum * keep + chunk.sum * gain};
  }
}

void AttentionTile::StoreRows() {
  const int64_t stride = value_panels_ * value_width_;
  const int64_t head_bytes = shape_.head_dim * element_.element_size;
  for (int64_t row = item_.rows.begin; row < item_.rows.end; ++row) {
    char* out = data_.out + HeadsAt(row);
    for (int64_t head = 0; head < group_; ++head) {
      const int64_t m = First(row) + head;
      element_.round(buffers_.sums + m * stride, 1.0f / buffers_.softmax[m].sum,
                     shape_.head_dim, out + head * head_bytes);
    }
  }
}

}  // namespace lora
