// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/projection_plan.h"

#include <algorithm>
#include <utility>

namespace lora {
namespace {

int64_t NumPanels(const PackedWeight& weight) {
  return (weight.out_features() + weight.panel() - 1) / weight.panel();
}

}  // namespace

GroupPlan::GroupPlan(int64_t rows, absl::Span<const Projection> projections) {
  projections_.reserve(projections.size());
  for (const Projection& projection : projections) {
    AddProjection(rows, projection);
  }
}

void GroupPlan::AddProjection(int64_t rows, const Projection& projection) {
  // Weights of one shape are packed alike, merged or not.
  const PackedWeight& weight = *projection.weights.front().weight;
  ProjectionPlan plan;
  plan.projection = &projection;
  plan.panel_width = weight.panel();
  plan.num_panels = NumPanels(weight);
  plan.first_column = columns_;
  columns_ += plan.num_panels * plan.panel_width;
  if (!projection.terms.empty()) {
    plan.terms.reserve(projection.terms.size());
    plan.has_delta.resize(rows);
    for (const LowRankTerm& term : projection.terms) AddTerm(term, plan);
  }
  projections_.push_back(std::move(plan));
}

void GroupPlan::AddTerm(const LowRankTerm& term, ProjectionPlan& plan) {
  const int64_t panels = NumPanels(*term.a);
  const TermPlan placed = {.term = &term,
                           .h_offset = h_elements_,
                           .h_stride = panels * term.a->panel()};
  plan.terms.push_back(placed);
  h_elements_ += (term.row_end - term.row_begin) * placed.h_stride;
  for (int64_t panel = 0; panel < panels; ++panel) {
    for (int64_t row = term.row_begin; row < term.row_end; row += kShrinkRows) {
      const int64_t end = std::min(row + kShrinkRows, term.row_end);
      shrink_items_.push_back({placed, {row, end}, panel});
    }
  }
  std::fill(plan.has_delta.begin() + term.row_begin,
            plan.has_delta.begin() + term.row_end, true);
}

Range GroupPlan::OwnedPanels(const ProjectionPlan& projection, int worker,
                             int workers) const {
  const Range columns = ShareOf(columns_, worker, workers);
  // A panel belongs to the worker in whose share it begins.
  const auto first_panel_from = [&](int64_t column) {
    const int64_t inside = column - projection.first_column;
    const int64_t width = projection.panel_width;
    return std::clamp((inside + width - 1) / width, int64_t{0},
                      projection.num_panels);
  };
  return {first_panel_from(columns.begin), first_panel_from(columns.end)};
}

}  // namespace lora
