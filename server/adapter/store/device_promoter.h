// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_DEVICE_PROMOTER_H_
#define LORA_SERVER_ADAPTER_STORE_DEVICE_PROMOTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/device_adapter.h"
#include "server/adapter/store/host_reader.h"
#include "server/adapter/store/reservation_queue.h"
#include "server/base/mutex.h"
#include "server/base/sync_point.h"
#include "server/base/task_pool.h"

namespace lora {

// Makes device copies of adapters: takes the host copy or reads it anew, waits
// for room, uploads. Thread-safe. Outlived by what it is given; every
// promotion has ended when it is destroyed.
class DevicePromoter {
 public:
  struct Request {
    AdapterKey key;
    std::string source;
    AdapterLoadOptions options;
    int64_t device_bytes = 0;
  };
  // A device copy that is not in the cache yet.
  struct Promoted {
    HostHandle host;
    std::unique_ptr<const DeviceAdapter> adapter;
    DeviceCache::Reservation reservation;
  };
  using Done = absl::AnyInvocable<void(absl::StatusOr<Promoted>) &&>;

  // A promotion under way.
  class Promotion {
   private:
    friend class DevicePromoter;
    Promotion(Request request, Done done)
        : request(std::move(request)), done(std::move(done)) {}

    const Request request;
    Done done;        // Loader threads only, one after the other.
    HostHandle host;  // As `done`.
    Mutex mu;
    absl::Status cancelled ABSL_GUARDED_BY(mu);  // Not OK: cancelled.
    std::shared_ptr<HostReader::Read> read ABSL_GUARDED_BY(mu);
    ReservationTicket ticket ABSL_GUARDED_BY(mu);
  };

  // What the promoter uses; everything outlives it.
  struct Parts {
    HostCache* host_cache;
    HostReader* reader;
    ReservationQueue<DeviceCache>* device_queue;
    AdapterUploader* uploader;
    TaskPool* pool;
    SyncPoints* sync = nullptr;
  };
  explicit DevicePromoter(const Parts& parts) : parts_(parts) {}

  // Passes a device copy of `request.key` to `done`, once, on a thread of the
  // pool. When it hears of a failure, the promotion holds no memory any more.
  //
  // To `done`: what HostReader and AdapterUploader return; DATA_LOSS
  // (DIGEST_MISMATCH): the files are no longer those of the key; what Cancel
  // said.
  std::shared_ptr<Promotion> Start(Request request, Done done);

  // Makes `promotion` end soon with `status`, unless it is nearly complete.
  void Cancel(Promotion& promotion, const absl::Status& status);

 private:
  void Begin(const std::shared_ptr<Promotion>& promotion);
  void OnHostCopy(const std::shared_ptr<Promotion>& promotion,
                  absl::StatusOr<HostHandle> host);
  void RefuseOtherContent(const std::shared_ptr<Promotion>& promotion,
                          HostHandle host);
  absl::StatusOr<Promoted> Upload(
      Promotion& promotion, absl::StatusOr<DeviceCache::Reservation> room);

  const Parts parts_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_DEVICE_PROMOTER_H_
