// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/lora_projection_cpu.h"

#include <algorithm>
#include <cstring>

#include "server/kernels/element_kernels.h"
#include "server/kernels/projection_plan.h"

namespace lora {
namespace {

// Rows that are carried through a thread's panels together. More rows read the
// weights again, when arithmetic has long hidden the reading.
constexpr int64_t kBlockRows = 64;

// One call of LoraProjectionCpu, as its workers see it.
class GroupRun {
 public:
  GroupRun(KernelContext& context, const at::Tensor& x,
           absl::Span<const Projection> projections);

  // Returns when `y` of every projection is written.
  void Run() const {
    RunWorkers(context_, workers_, [this](int worker) { Work(worker); });
  }

 private:
  // A thread's float32 sums of a block of rows over its panels of one
  // projection.
  struct Delta {
    float* sums = nullptr;  // [block rows, stride]
    int64_t stride = 0;
  };

  void Work(int worker) const;
  void Shrink(int worker) const;
  void Expand(const ProjectionPlan& plan, Range panels, Range rows,
              Delta delta) const;
  void Multiply(const ProjectionPlan& plan, Range panels, Range rows,
                Delta delta) const;
  void Finish(const ProjectionPlan& plan, int64_t panel, Range rows,
              const float* sums, Delta delta) const;

  void (*Gemm(int64_t panel_width) const)(const GemmTile&) {
    return panel_width == kWidePanel ? kernels_.gemm_wide
                                     : kernels_.gemm_narrow;
  }
  const char* Row(int64_t row) const {
    return x_ + row * in_ * kernels_.element_size;
  }
  char* H(const TermPlan& plan, int64_t row) const {
    const int64_t inside = (row - plan.term->row_begin) * plan.h_stride;
    return h_ + (plan.h_offset + inside) * kernels_.element_size;
  }
  // Elements of one panel of `weight`.
  int64_t PanelElements(const PackedWeight& weight) const {
    const int64_t pair = 4 / kernels_.element_size;
    return (weight.in_features() + pair - 1) / pair * pair * weight.panel();
  }
  const char* Panel(const PackedWeight& weight, int64_t panel) const {
    return static_cast<const char*>(weight.data().const_data_ptr()) +
           panel * PanelElements(weight) * kernels_.element_size;
  }

  KernelContext& context_;
  const ElementKernels& kernels_;
  const GroupPlan plan_;
  const char* x_;
  int64_t rows_;
  int64_t in_;
  int workers_;
  char* h_ = nullptr;
  float* deltas_ = nullptr;
  int64_t floats_per_worker_ = 0;
};

GroupRun::GroupRun(KernelContext& context, const at::Tensor& x,
                   absl::Span<const Projection> projections)
    : context_(context),
      kernels_(KernelsFor(context, x.scalar_type())),
      plan_(x.size(0), projections),
      x_(static_cast<const char*>(x.const_data_ptr())),
      rows_(x.size(0)),
      in_(x.size(1)),
      workers_(WorkersFor(context, rows_ * in_ * plan_.columns())) {
  if (plan_.shrink_items().empty()) return;
  for (int worker = 0; worker < workers_; ++worker) {
    for (const ProjectionPlan& projection : plan_.projections()) {
      const Range panels = plan_.OwnedPanels(projection, worker, workers_);
      floats_per_worker_ = std::max(
          floats_per_worker_,
          std::min(rows_, kBlockRows) * panels.size() * projection.panel_width);
    }
  }
  const int64_t delta_bytes = workers_ * floats_per_worker_ * sizeof(float);
  h_ = static_cast<char*>(context.Scratch(
      delta_bytes + plan_.h_elements() * kernels_.element_size));
  deltas_ = reinterpret_cast<float*>(h_);
  h_ += delta_bytes;
}

void GroupRun::Work(int worker) const {
  if (!plan_.shrink_items().empty()) {
    Shrink(worker);
    if (workers_ > 1) context_.pool().Barrier();
  }
  for (int64_t row = 0; row < rows_; row += kBlockRows) {
    const Range block = {row, std::min(row + kBlockRows, rows_)};
    for (const ProjectionPlan& plan : plan_.projections()) {
      const Range panels = plan_.OwnedPanels(plan, worker, workers_);
      if (panels.empty()) continue;
      const Delta delta = {.sums = deltas_ + worker * floats_per_worker_,
                           .stride = panels.size() * plan.panel_width};
      if (!plan.terms.empty()) Expand(plan, panels, block, delta);
      Multiply(plan, panels, block, delta);
    }
  }
}

void GroupRun::Shrink(int worker) const {
  alignas(64) float sums[GroupPlan::kShrinkRows * kWidePanel];
  const Range items = ShareOf(plan_.shrink_items().size(), worker, workers_);
  for (int64_t i = items.begin; i < items.end; ++i) {
    const ShrinkItem& item = plan_.shrink_items()[i];
    const LowRankTerm& term = *item.plan.term;
    const int64_t width = term.a->panel();
    Gemm(width)({.x = Row(item.rows.begin),
                 .x_stride = in_,
                 .rows = item.rows.size(),
                 .depth = in_,
                 .w = Panel(*term.a, item.panel),
                 .out = sums,
                 .out_stride = width});
    for (int64_t row = item.rows.begin; row < item.rows.end; ++row) {
      kernels_.round(
          sums + (row - item.rows.begin) * width, term.scale, width,
          H(item.plan, row) + item.panel * width * kernels_.element_size);
    }
  }
}

void GroupRun::Expand(const ProjectionPlan& plan, Range panels, Range rows,
                      Delta delta) const {
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    if (!plan.has_delta[row]) continue;
    std::memset(delta.sums + (row - rows.begin) * delta.stride, 0,
                delta.stride * sizeof(float));
  }
  for (const TermPlan& placed : plan.terms) {
    const LowRankTerm& term = *placed.term;
    const Range shared = Intersect({term.row_begin, term.row_end}, rows);
    if (shared.empty()) continue;
    Gemm(plan.panel_width)(
        {.x = H(placed, shared.begin),
         .x_stride = placed.h_stride,
         .rows = shared.size(),
         .depth = term.b->in_features(),
         .w = Panel(*term.b, panels.begin),
         .panel_stride = PanelElements(*term.b),
         .panels = panels.size(),
         .out = delta.sums + (shared.begin - rows.begin) * delta.stride,
         .out_stride = delta.stride,
         .accumulate = true});
  }
}

void GroupRun::Multiply(const ProjectionPlan& plan, Range panels, Range rows,
                        Delta delta) const {
  alignas(64) float sums[kBlockRows * kWidePanel];
  for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
    for (const WeightRun& run : plan.projection->weights) {
      const Range shared = Intersect({run.row_begin, run.row_end}, rows);
      if (shared.empty()) continue;
      Gemm(plan.panel_width)(
          {.x = Row(shared.begin),
           .x_stride = in_,
           .rows = shared.size(),
           .depth = in_,
           .w = Panel(*run.weight, panel),
           .out = sums + (shared.begin - rows.begin) * plan.panel_width,
           .out_stride = plan.panel_width});
    }
    const int64_t column = (panel - panels.begin) * plan.panel_width;
    Finish(plan, panel, rows, sums, {delta.sums + column, delta.stride});
  }
}

void GroupRun::Finish(const ProjectionPlan& plan, int64_t panel, Range rows,
                      const float* sums, Delta delta) const {
  const at::Tensor& y = plan.projection->y;
  const at::Tensor& bias = plan.projection->bias;
  const ElementKernels& kernels = KernelsFor(context_, y.scalar_type());
  const int64_t column = panel * plan.panel_width;
  const int64_t out = y.size(1);
  char* to = static_cast<char*>(y.mutable_data_ptr());
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const int64_t inside = row - rows.begin;
    const bool has_delta = !plan.has_delta.empty() && plan.has_delta[row];
    kernels.finish_projection(
        {.sum = sums + inside * plan.panel_width,
         .bias =
             bias.defined() ? bias.const_data_ptr<float>() + column : nullptr,
         .delta = has_delta ? delta.sums + inside * delta.stride : nullptr,
         .width = std::min(plan.panel_width, out - column),
         .out = to + (row * out + column) * kernels.element_size});
  }
}

}  // namespace

void LoraProjectionCpu(KernelContext& context, const at::Tensor& x,
                       absl::Span<const Projection> projections) {
  GroupRun(context, x, projections).Run();
}

}  // namespace lora
