// SPDX-License-Identifier: Apache-2.0
#include "server/tokenizer/bpe_merges.h"

#include <algorithm>

namespace lora {

void BpeWorkspace::Append(int32_t id) {
  const auto index = static_cast<int32_t>(symbols_.size());
  if (index > 0) symbols_.back().next = index;
  symbols_.push_back({.id = id, .previous = index - 1, .next = kEnd});
}

void BpeWorkspace::CopyTo(std::vector<int32_t>& ids) const {
  for (const Symbol& symbol : symbols_) {
    if (symbol.id != kMerged) ids.push_back(symbol.id);
  }
}

void BpeMerges::Add(int32_t left, int32_t right, int32_t rank, int32_t result) {
  merges_.insert_or_assign({left, right}, {.rank = rank, .result = result});
}

const BpeMerges::Merge* BpeMerges::Find(int32_t left, int32_t right) const {
  const auto it = merges_.find({left, right});
  return it == merges_.end() ? nullptr : &it->second;
}

// Queues the merge of the symbol at `position` with the one after it.
void BpeMerges::Push(int32_t position, BpeWorkspace& workspace) const {
  const BpeWorkspace::Symbol& left = workspace.symbols_[position];
  if (left.next == BpeWorkspace::kEnd) return;
  const Merge* merge = Find(left.id, workspace.symbols_[left.next].id);
  if (merge == nullptr) return;
  workspace.queue_.push_back(
      {.rank = merge->rank, .position = position, .result = merge->result});
  std::push_heap(workspace.queue_.begin(), workspace.queue_.end(),
                 BpeWorkspace::Candidate::Later);
}

void BpeMerges::Apply(BpeWorkspace& workspace) const {
  using Candidate = BpeWorkspace::Candidate;
  std::vector<BpeWorkspace::Symbol>& symbols = workspace.symbols_;
  std::vector<Candidate>& queue = workspace.queue_;
  queue.clear();
  const auto size = static_cast<int32_t>(symbols.size());
  for (int32_t i = 0; i + 1 < size; ++i) Push(i, workspace);
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), Candidate::Later);
    const Candidate top = queue.back();
    queue.pop_back();
    BpeWorkspace::Symbol& left = symbols[top.position];
    if (left.id == BpeWorkspace::kMerged || left.next == BpeWorkspace::kEnd) {
      continue;
    }
    BpeWorkspace::Symbol& right = symbols[left.next];
    // The pair may have changed since it was queued.
    const Merge* merge = Find(left.id, right.id);
    if (merge == nullptr || merge->result != top.result) continue;
    left.id = top.result;
    left.next = right.next;
    right.id = BpeWorkspace::kMerged;
    if (left.next != BpeWorkspace::kEnd) {
      symbols[left.next].previous = top.position;
    }
    if (left.previous != BpeWorkspace::kEnd) Push(left.previous, workspace);
    Push(top.position, workspace);
  }
}

}  // namespace lora
