// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_DEVICE_PROMOTER_H_
#define LORA_SERVER_ADAPTER_STORE_DEVICE_PROMOTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

// Makes device copies of adapters: takes the host copy or reads it, waits for
// room, uploads. Who waits for room on the device holds no host memory: a host
// copy that is evicted meanwhile is read again. So neither tier waits for the
// other in a circle.
//
// Thread-safe. Outlived by what it is given; every promotion has ended when it
// is destroyed.
class DevicePromoter {
 public:
  struct Request {
    AdapterKey key;
    std::string source;
    AdapterLoadOptions options;
    int64_t device_bytes = 0;
    ReservationTicket turn;  // Expedited for that turn of the device queue.
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
    // By the promotion's steps, one after the other.
    Done done;
    std::optional<DeviceCache::Reservation> room;
    Mutex mu;
    absl::Status cancelled ABSL_GUARDED_BY(mu);  // Not OK: cancelled.
    std::shared_ptr<HostReader::Read> read ABSL_GUARDED_BY(mu);
    ReservationTicket ticket ABSL_GUARDED_BY(mu);
    ReservationTicket turn ABSL_GUARDED_BY(mu);
  };

  // What the promoter uses; everything outlives it.
  struct Parts {
    HostCache* host_cache;
    HostReader* reader;
    ReservationQueue<DeviceCache>* device_queue;
    AdapterUploader* uploader;
    TaskPool* uploads;  // Where uploads run; the device queue's pool.
    TaskPool* control;  // For what is quick.
    // Drops a host copy that was read in vain unless somebody wants it, and
    // calls back.
    std::function<void(const AdapterKey&, absl::AnyInvocable<void() &&>)>
        forget_unused;
    SyncPoints* sync = nullptr;
  };
  explicit DevicePromoter(Parts parts) : parts_(std::move(parts)) {}

  // Passes a device copy of `request.key` to `done`, once, on a thread of a
  // pool. When it hears of a failure, the promotion holds no memory any more.
  //
  // To `done`: what HostReader and AdapterUploader return; DATA_LOSS
  // (DIGEST_MISMATCH, or the reason that reading them gave): the files are no
  // longer those of the key; what Cancel said.
  std::shared_ptr<Promotion> Start(Request request, Done done);

  // Makes `promotion` end soon with `status`, unless it is nearly complete.
  void Cancel(Promotion& promotion, const absl::Status& status);

  // Lets `promotion` pass during that turn of the device queue.
  void Expedite(Promotion& promotion, ReservationTicket turn);

 private:
  using PromotionPtr = std::shared_ptr<Promotion>;

  void Begin(const PromotionPtr& promotion);
  void Read(const PromotionPtr& promotion);
  void OnHostCopy(const PromotionPtr& promotion,
                  absl::StatusOr<HostHandle> host);
  void OnRoom(const PromotionPtr& promotion,
              absl::StatusOr<DeviceCache::Reservation> room);
  void RefuseOtherContent(const PromotionPtr& promotion, HostHandle host);
  void Finish(const PromotionPtr& promotion, HostHandle host);
  absl::StatusOr<Promoted> Upload(Promotion& promotion, HostHandle host);
  // Ends a promotion that failed.
  static void Fail(Promotion& promotion, const absl::Status& status);

  const Parts parts_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_DEVICE_PROMOTER_H_
