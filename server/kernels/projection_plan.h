// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_PROJECTION_PLAN_H_
#define LORA_SERVER_KERNELS_PROJECTION_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/kernels/lora_projection.h"
#include "server/kernels/work_share.h"

namespace lora {

// One term of one projection, and where its h [rows, h_stride] lies in the
// group's scratch.
struct TermPlan {
  const LowRankTerm* term = nullptr;
  int64_t h_offset = 0;  // Elements.
  int64_t h_stride = 0;  // The rank, rounded up to whole panels of A.
};

// One panel of one A over a few rows: a unit of the shrink phase.
struct ShrinkItem {
  TermPlan plan;
  Range rows;
  int64_t panel = 0;
};

struct ProjectionPlan {
  const Projection* projection = nullptr;
  int64_t panel_width = 0;
  int64_t num_panels = 0;
  // Columns of the projections before this one, padded to whole panels.
  int64_t first_column = 0;
  std::vector<TermPlan> terms;
  // [rows], or empty without terms: whether any term covers the row.
  std::vector<bool> has_delta;
};

// Who computes what in one LoraProjection: sizes and offsets, no memory.
// Immutable, thread-safe to read. Holds pointers into the projections.
class GroupPlan {
 public:
  // Rows that a shrink item takes, at most.
  static constexpr int64_t kShrinkRows = 8;

  GroupPlan(int64_t rows, absl::Span<const Projection> projections);

  const std::vector<ProjectionPlan>& projections() const {
    return projections_;
  }
  const std::vector<ShrinkItem>& shrink_items() const { return shrink_items_; }
  // Elements of all h together.
  int64_t h_elements() const { return h_elements_; }
  // Columns of all projections, padded.
  int64_t columns() const { return columns_; }

  // The panels of `projection` that `worker` owns. All projections' panels in
  // a row, in equal contiguous shares: every worker streams one range.
  Range OwnedPanels(const ProjectionPlan& projection, int worker,
                    int workers) const;

 private:
  void AddProjection(int64_t rows, const Projection& projection);
  void AddTerm(const LowRankTerm& term, ProjectionPlan& plan);

  std::vector<ProjectionPlan> projections_;
  std::vector<ShrinkItem> shrink_items_;
  int64_t h_elements_ = 0;
  int64_t columns_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_PROJECTION_PLAN_H_
