// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/device_promoter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {

std::shared_ptr<DevicePromoter::Promotion> DevicePromoter::Start(
    Request request, Done done) {
  std::shared_ptr<Promotion> promotion(
      new Promotion(std::move(request), std::move(done)));
  parts_.pool->Post([this, promotion] { Begin(promotion); });
  return promotion;
}

void DevicePromoter::Cancel(Promotion& promotion, const absl::Status& status) {
  MutexLock lock(promotion.mu);
  if (!promotion.cancelled.ok()) return;
  promotion.cancelled = status;
  if (promotion.read != nullptr) parts_.reader->Cancel(*promotion.read);
  parts_.device_queue->Fail(promotion.ticket, status);
}

void DevicePromoter::Begin(const std::shared_ptr<Promotion>& promotion) {
  const Request& request = promotion->request;
  if (HostHandle host = parts_.host_cache->Lookup(request.key)) {
    OnHostCopy(promotion, std::move(host));
    return;
  }
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
  if (!cancelled.ok()) std::move(promotion->done)(cancelled);
}

void DevicePromoter::OnHostCopy(const std::shared_ptr<Promotion>& promotion,
                                absl::StatusOr<HostHandle> host) {
  const AdapterKey& key = promotion->request.key;
  if (host.ok() && host->key() != key) {
    RefuseOtherContent(promotion, *std::move(host));
    return;
  }
  absl::Status status = host.status();
  {
    MutexLock lock(promotion->mu);
    promotion->read = nullptr;
    if (!promotion->cancelled.ok()) status = promotion->cancelled;
    if (status.ok()) {
      promotion->host = *std::move(host);
      promotion->ticket = parts_.device_queue->Reserve(
          promotion->request.device_bytes,
          [this, promotion](absl::StatusOr<DeviceCache::Reservation> room) {
            // Room that Upload did not use is given back where this statement
            // ends: before `done` hears of the failure.
            absl::StatusOr<Promoted> promoted =
                Upload(*promotion, std::move(room));
            std::move(promotion->done)(std::move(promoted));
          });
    }
  }
  if (!status.ok()) std::move(promotion->done)(status);
  ReachSyncPoint(parts_.sync, "DevicePromoter::OnHostCopy");
}

// Ends the promotion once what was read in vain is given back.
void DevicePromoter::RefuseOtherContent(
    const std::shared_ptr<Promotion>& promotion, HostHandle host) {
  const AdapterKey found = host.key();
  const AdapterKey& key = promotion->request.key;
  absl::Status status =
      Error(absl::StatusCode::kDataLoss, ErrorReason::kDigestMismatch,
            absl::StrCat("adapter '", key.id.value(), "': the files in ",
                         promotion->request.source, " have the digest ",
                         found.digest, ", those that were loaded had ",
                         key.digest, "; load the adapter again with replace"));
  host.Reset();
  parts_.host_cache->Doom(found, [this, promotion, status](int64_t) {
    parts_.pool->Post(
        [promotion, status] { std::move(promotion->done)(status); });
  });
}

absl::StatusOr<DevicePromoter::Promoted> DevicePromoter::Upload(
    Promotion& promotion, absl::StatusOr<DeviceCache::Reservation> room) {
  HostHandle host = std::move(promotion.host);
  LORA_RETURN_IF_ERROR(room.status());
  ReachSyncPoint(parts_.sync, "DevicePromoter::Upload");
  {
    MutexLock lock(promotion.mu);
    LORA_RETURN_IF_ERROR(promotion.cancelled);
  }
  LORA_ASSIGN_OR_RETURN(std::unique_ptr<const DeviceAdapter> adapter,
                        parts_.uploader->Upload(*host));
  return Promoted{std::move(host), std::move(adapter), *std::move(room)};
}

}  // namespace lora
