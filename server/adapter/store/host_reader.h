// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_HOST_READER_H_
#define LORA_SERVER_ADAPTER_STORE_HOST_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/adapter_loader.h"
#include "server/adapter/host_adapter.h"
#include "server/adapter/load_progress.h"
#include "server/adapter/store/reservation_queue.h"
#include "server/base/mutex.h"
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
    // Where the read is; who takes it out of kPosted goes on with it.
    enum class Stage : uint8_t {
      kPosted,   // A loader thread will take it.
      kRunning,  // One has.
      kWaiting,  // For memory.
      kEnded,
    };

    Read(Request request, LoadProgress::Listener listener, Done done)
        : request(std::move(request)),
          progress(std::move(listener)),
          done(std::move(done)) {}

    const Request request;
    LoadProgress progress;
    Done done;  // Whoever ends the read.
    Mutex mu;
    Stage stage ABSL_GUARDED_BY(mu) = Stage::kPosted;
    ReservationTicket ticket ABSL_GUARDED_BY(mu);
    HostCache::Reservation room ABSL_GUARDED_BY(mu);
  };

  // What the reader uses; everything outlives it.
  struct Parts {
    AdapterLoader* loader;
    HostCache* cache;
    TaskPool* loaders;  // For what may take as long as a disk does.
    TaskPool* control;  // For what is quick.
    SyncPoints* sync = nullptr;
  };
  explicit HostReader(const Parts& parts)
      : parts_(parts), queue_(parts.cache, parts.control) {}

  // Reads an adapter and passes its pinned host copy to `done`, once, on a
  // thread of a pool. When it hears of a failure, the read holds no memory.
  //
  // To `done`: what AdapterLoader returns; RESOURCE_EXHAUSTED (QUOTA): larger
  // than the host budget; CANCELLED.
  std::shared_ptr<Read> Start(Request request, LoadProgress::Listener listener,
                              Done done);

  // Makes `read` end soon with CANCELLED, unless it is nearly complete. It does
  // not wait for a loader thread.
  void Cancel(const std::shared_ptr<Read>& read);

  // Reads that do not fit beside `bytes` of the cache let others pass.
  void SetHeld(int64_t bytes) { queue_.SetHeld(bytes); }

  // Cancels all that wait for memory, now and later. Before the pools end.
  void Close() { queue_.Close(absl::CancelledError("the server is stopping")); }

 private:
  using Queue = ReservationQueue<HostCache>;

  // Makes a loader thread run `step` unless the read is cancelled first.
  void Post(const std::shared_ptr<Read>& read,
            void (HostReader::*step)(const std::shared_ptr<Read>&));
  void Measure(const std::shared_ptr<Read>& read);
  void OnRoom(const std::shared_ptr<Read>& read,
              absl::StatusOr<Queue::Reservation> room);
  void Load(const std::shared_ptr<Read>& read);
  absl::StatusOr<HostHandle> LoadInto(Read& read, Queue::Reservation room);

  const Parts parts_;
  Queue queue_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_HOST_READER_H_
