// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_HOST_READER_H_
#define LORA_SERVER_ADAPTER_STORE_HOST_READER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/adapter_loader.h"
#include "server/adapter/host_adapter.h"
#include "server/adapter/load_progress.h"
#include "server/adapter/store/reservation_queue.h"
#include "server/base/pinned_cache.h"
#include "server/base/sync_point.h"
#include "server/base/task_pool.h"

namespace lora {

using HostCache = PinnedCache<AdapterKey, HostAdapter>;
using HostHandle = HostCache::Handle;

// Brings adapters from their source into the host tier: looks, reserves,
// reads, inserts. Thread-safe. Outlived by what it is given; every read has
// ended when it is destroyed.
class HostReader {
 public:
  struct Request {
    AdapterId id;
    std::string source;
    AdapterLoadOptions options;
  };
  using Done = absl::AnyInvocable<void(absl::StatusOr<HostHandle>) &&>;

  // A read under way.
  class Read {
   private:
    friend class HostReader;
    Read(Request request, LoadProgress::Listener listener, Done done)
        : request_(std::move(request)),
          progress_(std::move(listener)),
          done_(std::move(done)) {}

    const Request request_;
    LoadProgress progress_;
    Done done_;  // Loader threads only, one after the other.
    std::atomic<uint64_t> ticket_{0};  // 0: not waiting for memory yet.
  };

  HostReader(AdapterLoader* loader, HostCache* cache, TaskPool* pool,
             SyncPoints* sync)
      : loader_(loader),
        cache_(cache),
        pool_(pool),
        sync_(sync),
        queue_(cache, pool) {}

  // Reads an adapter and passes its pinned host copy to `done`, once, on a
  // thread of the pool. When it hears of a failure, the read holds no memory.
  //
  // To `done`: what AdapterLoader returns; RESOURCE_EXHAUSTED (QUOTA): larger
  // than the host budget; UNAVAILABLE: the files grew meanwhile; CANCELLED.
  std::shared_ptr<Read> Start(Request request, LoadProgress::Listener listener,
                              Done done);

  // Makes `read` end soon with CANCELLED, unless it is nearly complete.
  void Cancel(Read& read);

  // Cancels all that wait for memory, now and later. Before the pool ends.
  void Close() { queue_.Close(absl::CancelledError("the server is stopping")); }

 private:
  using Queue = ReservationQueue<HostCache>;

  void Begin(const std::shared_ptr<Read>& read);
  absl::StatusOr<HostHandle> Load(Read& read,
                                  absl::StatusOr<Queue::Reservation> room);

  AdapterLoader* const loader_;
  HostCache* const cache_;
  TaskPool* const pool_;
  SyncPoints* const sync_;
  Queue queue_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_HOST_READER_H_
