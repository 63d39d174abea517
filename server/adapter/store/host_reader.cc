// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/store/host_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_key.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status Cancelled(const HostReader::Request& request) {
  return absl::CancelledError(
      absl::StrCat("the load of ", AdapterLabel(request.id, request.source),
                   " was cancelled"));
}

}  // namespace

std::shared_ptr<HostReader::Read> HostReader::Start(
    Request request, LoadProgress::Listener listener, Done done) {
  std::shared_ptr<Read> read(
      new Read(std::move(request), std::move(listener), std::move(done)));
  Post(read, &HostReader::Measure);
  return read;
}

void HostReader::Cancel(const std::shared_ptr<Read>& read) {
  HostCache::Reservation room;
  MutexLock lock(read->mu);
  read->progress.Cancel();
  switch (read->stage) {
    case Read::Stage::kPosted:
      read->stage = Read::Stage::kEnded;
      room = std::move(read->room);
      parts_.control->Post([read, room = std::move(room)]() mutable {
        room = HostCache::Reservation();
        std::move(read->done)(Cancelled(read->request));
      });
      return;
    case Read::Stage::kWaiting:
      queue_.Fail(read->ticket, Cancelled(read->request));
      return;
    case Read::Stage::kRunning:  // It looks.
    case Read::Stage::kEnded:
      return;
  }
}

void HostReader::Post(const std::shared_ptr<Read>& read,
                      void (HostReader::*step)(const std::shared_ptr<Read>&)) {
  parts_.loaders->Post([this, read, step] {
    {
      MutexLock lock(read->mu);
      if (read->stage != Read::Stage::kPosted) return;
      read->stage = Read::Stage::kRunning;
    }
    (this->*step)(read);
  });
}

void HostReader::Measure(const std::shared_ptr<Read>& read) {
  const absl::StatusOr<int64_t> bytes =
      parts_.loader->Measure(read->request.source);
  absl::Status status = Annotate(
      bytes.status(), AdapterLabel(read->request.id, read->request.source));
  {
    MutexLock lock(read->mu);
    if (read->progress.cancelled()) status = Cancelled(read->request);
    if (status.ok()) {
      read->stage = Read::Stage::kWaiting;
      read->ticket = queue_.Reserve(
          *bytes, [this, read](absl::StatusOr<Queue::Reservation> room) {
            OnRoom(read, std::move(room));
          });
      return;
    }
    read->stage = Read::Stage::kEnded;
  }
  std::move(read->done)(status);
}

void HostReader::OnRoom(const std::shared_ptr<Read>& read,
                        absl::StatusOr<Queue::Reservation> room) {
  absl::Status status = Annotate(
      room.status(),
      absl::StrCat(AdapterLabel(read->request.id, read->request.source),
                   ": --host-memory"));
  {
    MutexLock lock(read->mu);
    if (read->progress.cancelled()) status = Cancelled(read->request);
    if (status.ok()) {
      read->room = *std::move(room);
      read->stage = Read::Stage::kPosted;
    } else {
      read->stage = Read::Stage::kEnded;
    }
  }
  if (status.ok()) {
    Post(read, &HostReader::Load);
    return;
  }
  room = status;  // Gives it back.
  std::move(read->done)(status);
}

void HostReader::Load(const std::shared_ptr<Read>& read) {
  Queue::Reservation room;
  {
    MutexLock lock(read->mu);
    room = std::move(read->room);
  }
  // Room that is not used is given back where this statement ends: before
  // `done` hears of the failure.
  absl::StatusOr<HostHandle> host = LoadInto(*read, std::move(room));
  {
    MutexLock lock(read->mu);
    read->stage = Read::Stage::kEnded;
  }
  std::move(read->done)(std::move(host));
}

absl::StatusOr<HostHandle> HostReader::LoadInto(Read& read,
                                                Queue::Reservation room) {
  const Request& request = read.request;
  ReachSyncPoint(parts_.sync, "HostReader::Load");
  if (read.progress.cancelled()) return Cancelled(request);
  LORA_ASSIGN_OR_RETURN(
      std::unique_ptr<HostAdapter> adapter,
      parts_.loader->Read(request.id, request.source, request.options,
                          room.bytes(), read.progress));
  if (read.progress.cancelled()) return Cancelled(request);
  room.ShrinkTo(adapter->host_bytes());
  AdapterKey key = adapter->key;
  return parts_.cache->InsertOrLookup(std::move(key), std::move(adapter),
                                      std::move(room));
}

}  // namespace lora
