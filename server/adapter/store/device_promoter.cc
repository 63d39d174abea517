// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/device_promoter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/known_content.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {

std::shared_ptr<DevicePromoter::Promotion> DevicePromoter::Start(
    Request request, Done done) {
  PromotionPtr promotion(new Promotion(std::move(request), std::move(done)));
  Expedite(*promotion, promotion->request.turn);
  parts_.control->Post([this, promotion] { Begin(promotion); });
  return promotion;
}

void DevicePromoter::Cancel(Promotion& promotion, const absl::Status& status) {
  MutexLock lock(promotion.mu);
  if (!promotion.cancelled.ok()) return;
  promotion.cancelled = status;
  if (promotion.read != nullptr) parts_.reader->Cancel(promotion.read);
  parts_.device_queue->Fail(promotion.ticket, status);
}

void DevicePromoter::Expedite(Promotion& promotion, ReservationTicket turn) {
  MutexLock lock(promotion.mu);
  promotion.turn = turn;
  parts_.device_queue->Expedite(promotion.ticket, turn);
}

void DevicePromoter::Begin(const PromotionPtr& promotion) {
  if (HostHandle host = parts_.host_cache->Lookup(promotion->request.key)) {
    OnHostCopy(promotion, std::move(host));
  } else {
    Read(promotion);
  }
}

void DevicePromoter::Read(const PromotionPtr& promotion) {
  const Request& request = promotion->request;
  absl::Status cancelled;
  {
    MutexLock lock(promotion->mu);
    cancelled = promotion->cancelled;
    if (cancelled.ok()) {
      promotion->read = parts_.reader->Start(
          {request.key.id, request.source, request.options}, nullptr,
          [this, promotion](absl::StatusOr<HostHandle> host) {
            OnHostCopy(promotion, std::move(host));
          });
    }
  }
  if (!cancelled.ok()) Fail(*promotion, cancelled);
}

void DevicePromoter::OnHostCopy(const PromotionPtr& promotion,
                                absl::StatusOr<HostHandle> host) {
  const Request& request = promotion->request;
  {
    MutexLock lock(promotion->mu);
    promotion->read = nullptr;  // Each holds the other.
  }
  if (host.ok() && host->key() != request.key) {
    RefuseOtherContent(promotion, *std::move(host));
    return;
  }
  absl::Status status = KnownContentError(host.status(), request.key.digest);
  bool waits = false;
  {
    MutexLock lock(promotion->mu);
    if (!promotion->cancelled.ok()) status = promotion->cancelled;
    waits = status.ok() && !promotion->room.has_value();
    if (waits) {
      host = absl::UnavailableError("");  // Lets go of the host copy.
      promotion->ticket = parts_.device_queue->Reserve(
          request.device_bytes,
          [this, promotion](absl::StatusOr<DeviceCache::Reservation> room) {
            OnRoom(promotion, std::move(room));
          },
          promotion->turn);
    }
  }
  if (!status.ok()) {
    host = status;  // Lets go of the host copy.
    Fail(*promotion, status);
  } else if (!waits) {
    parts_.uploads->Post([this, promotion, host = *std::move(host)]() mutable {
      Finish(promotion, std::move(host));
    });
  }
  ReachSyncPoint(parts_.sync, "DevicePromoter::OnHostCopy");
}

void DevicePromoter::OnRoom(const PromotionPtr& promotion,
                            absl::StatusOr<DeviceCache::Reservation> room) {
  if (!room.ok()) {
    Fail(*promotion, room.status());
    return;
  }
  promotion->room = *std::move(room);
  if (HostHandle host = parts_.host_cache->Lookup(promotion->request.key)) {
    Finish(promotion, std::move(host));
  } else {
    Read(promotion);  // It was evicted meanwhile.
  }
}

// Ends the promotion once what was read in vain is given back.
void DevicePromoter::RefuseOtherContent(const PromotionPtr& promotion,
                                        HostHandle host) {
  const AdapterKey found = host.key();
  const AdapterKey& key = promotion->request.key;
  absl::Status status =
      Error(absl::StatusCode::kDataLoss, ErrorReason::kDigestMismatch,
            absl::StrCat("adapter '", key.id.value(), "': the files in ",
                         promotion->request.source, " have the digest ",
                         found.digest, ", those that were loaded had ",
                         key.digest, "; load the adapter again with replace"));
  host.Reset();
  parts_.forget_unused(found,
                       [promotion, status] { Fail(*promotion, status); });
}

// Ends the promotion, on a thread for uploads.
void DevicePromoter::Finish(const PromotionPtr& promotion, HostHandle host) {
  absl::StatusOr<Promoted> promoted = Upload(*promotion, std::move(host));
  if (!promoted.ok()) {
    Fail(*promotion, promoted.status());
    return;
  }
  std::move(promotion->done)(std::move(promoted));
}

absl::StatusOr<DevicePromoter::Promoted> DevicePromoter::Upload(
    Promotion& promotion, HostHandle host) {
  ReachSyncPoint(parts_.sync, "DevicePromoter::Upload");
  {
    MutexLock lock(promotion.mu);
    LORA_RETURN_IF_ERROR(promotion.cancelled);
  }
  LORA_ASSIGN_OR_RETURN(std::unique_ptr<const DeviceAdapter> adapter,
                        parts_.uploader->Upload(*host));
  return Promoted{std::move(host), std::move(adapter),
                  *std::move(promotion.room)};
}

void DevicePromoter::Fail(Promotion& promotion, const absl::Status& status) {
  promotion.room.reset();  // Before `done` hears of it.
  std::move(promotion.done)(status);
}

}  // namespace lora
