// SPDX-License-Identifier: Apache-2.0
#include "server/base/reclaimer.h"

#include <future>

namespace lora {

void Reclaimer::Flush() {
  std::promise<void> reached;
  std::future<void> done = reached.get_future();
  Post([reached = std::move(reached)]() mutable { reached.set_value(); });
  done.wait();
}

}  // namespace lora
