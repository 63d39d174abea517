// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/host_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status Cancelled(const AdapterId& id) {
  return absl::CancelledError(
      absl::StrCat("the load of adapter '", id.value(), "' was cancelled"));
}

}  // namespace

std::shared_ptr<HostReader::Read> HostReader::Start(
    Request request, LoadProgress::Listener listener, Done done) {
  std::shared_ptr<Read> read(
      new Read(std::move(request), std::move(listener), std::move(done)));
  pool_->Post([this, read] { Begin(read); });
  return read;
}

void HostReader::Cancel(Read& read) {
  read.progress_.Cancel();
  // Begin stores the ticket before it looks whether it was cancelled.
  queue_.Fail(Queue::Ticket(read.ticket_.load()), Cancelled(read.request_.id));
}

void HostReader::Begin(const std::shared_ptr<Read>& read) {
  const absl::StatusOr<int64_t> bytes =
      read->progress_.cancelled()
          ? absl::StatusOr<int64_t>(Cancelled(read->request_.id))
          : loader_->Measure(read->request_.source);
  if (!bytes.ok()) {
    std::move(read->done_)(bytes.status());
    return;
  }
  const Queue::Ticket ticket = queue_.Reserve(
      *bytes, [this, read](absl::StatusOr<Queue::Reservation> room) {
        // Room that Load did not use is given back where this statement ends:
        // before `done_` hears of the failure.
        absl::StatusOr<HostHandle> host = Load(*read, std::move(room));
        std::move(read->done_)(std::move(host));
      });
  read->ticket_.store(ticket.value());
  if (read->progress_.cancelled()) Cancel(*read);
}

absl::StatusOr<HostHandle> HostReader::Load(
    Read& read, absl::StatusOr<Queue::Reservation> room) {
  const Request& request = read.request_;
  LORA_RETURN_IF_ERROR(room.status());
  ReachSyncPoint(sync_, "HostReader::Load");
  if (read.progress_.cancelled()) return Cancelled(request.id);
  LORA_ASSIGN_OR_RETURN(std::unique_ptr<HostAdapter> adapter,
                        loader_->Read(request.id, request.source,
                                      request.options, read.progress_));
  if (read.progress_.cancelled()) return Cancelled(request.id);
  if (adapter->host_bytes() > room->bytes()) {
    return absl::UnavailableError(absl::StrCat(
        "adapter '", request.id.value(), "': the files in ", request.source,
        " grew from ", room->bytes(), " to ", adapter->host_bytes(),
        " bytes while they were read; load it again"));
  }
  room->ShrinkTo(adapter->host_bytes());
  AdapterKey key = adapter->key;
  return cache_->InsertOrLookup(std::move(key), std::move(adapter),
                                *std::move(room));
}

}  // namespace lora
