// SPDX-License-Identifier: Apache-2.0
#include "server/engine/stop_matcher.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace lora {

std::optional<StopMatcher::Match> StopMatcher::Find(absl::string_view text,
                                                    size_t known) const {
  std::optional<Match> best;
  for (const std::string& stop : stops_) {
    const size_t from = known >= stop.size() ? known - stop.size() + 1 : 0;
    const size_t begin = text.find(stop, from);
    if (begin == absl::string_view::npos) continue;
    const bool better =
        !best.has_value() || begin < best->begin ||
        (begin == best->begin && stop.size() > best->stop.size());
    if (better) best = Match{begin, stop};
  }
  return best;
}

size_t StopMatcher::HeldBack(absl::string_view text) const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    const size_t most = std::min(text.size(), stop.size() - 1);
    for (size_t length = most; length > longest; --length) {
      const absl::string_view tail = text.substr(text.size() - length);
      if (absl::StartsWith(stop, tail)) longest = length;
    }
  }
  return longest;
}

}  // namespace lora
