// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_PLANE_H_
#define LORA_SERVER_ADAPTER_ADAPTER_PLANE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_dependent.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/adapter_lease.h"
#include "server/base/ids.h"

namespace lora {

struct LoadAdapterSpec {
  AdapterId id;
  std::string source;  // A directory below an adapter root.
  std::string sha256;  // Of the weights file; empty: not checked.
  bool replace = false;
  std::optional<bool> pinned;
  std::optional<WarmTier> warm_tier;
  std::optional<std::map<std::string, std::string>> labels;
  AdapterLoadOptions options;
};

// The fields to change; unset ones stay.
struct UpdateAdapterSpec {
  AdapterId id;
  std::optional<bool> pinned;
  std::optional<WarmTier> warm_tier;
  std::optional<std::map<std::string, std::string>> labels;
};

struct UnloadAdapterSpec {
  AdapterId id;
  absl::Duration drain_timeout = absl::Seconds(30);
  bool force = false;
};

// What an unload gave back.
struct UnloadResult {
  int64_t freed_host_bytes = 0;
  int64_t freed_device_bytes = 0;
  int64_t freed_merged_bytes = 0;
  int64_t cancelled_requests = 0;
};

struct AdapterEvent {
  enum class Type : uint8_t { kSnapshot, kUpdated, kRemoved };
  Type type = Type::kUpdated;
  AdapterInfo adapter;
};

// A page of ListAdapters, ordered by id.
struct AdapterPage {
  std::vector<AdapterInfo> adapters;
  std::string next_page_token;  // Empty: the last page.
};

// Names one waiter of an asynchronous call; see CancelWait.
using WaitId = StrongId<struct WaitIdTag, uint64_t>;

// The adapter plane as rpc/ and engine/ see it: which adapters exist, their
// versions, states and leases. AdapterManager implements it; rpc and engine
// tests use tests/fakes. Thread-safe. No call blocks on I/O; callbacks are
// called exactly once, on a thread of the plane or before the call returns,
// with no lock held.
class AdapterPlane {
 public:
  virtual ~AdapterPlane() = default;

  using InfoCallback = absl::AnyInvocable<void(absl::StatusOr<AdapterInfo>) &&>;
  using LeaseCallback =
      absl::AnyInvocable<void(absl::StatusOr<std::vector<AdapterLease>>) &&>;
  using UnloadCallback =
      absl::AnyInvocable<void(absl::StatusOr<UnloadResult>) &&>;
  using WatchCallback = absl::AnyInvocable<void(const AdapterEvent&)>;

  // Makes the adapter usable (on the device) and reports it. Same id and same
  // content: OK, and pinned, labels and warm_tier are applied. With `replace`
  // the swap is atomic: requests with a lease finish on the old version.
  //
  // To `done`: the reasons of docs/errors.md; ALREADY_EXISTS (ADAPTER_EXISTS):
  // other content, no replace; FAILED_PRECONDITION (DIGEST_MISMATCH);
  // PERMISSION_DENIED (PATH): outside the adapter roots; CANCELLED: CancelWait.
  // A failed load leaves no trace of a new id and the old version of a known
  // one.
  virtual WaitId Load(LoadAdapterSpec spec, InfoCallback done) = 0;

  // Everything that Load checks; nothing is kept.
  virtual WaitId Validate(std::string source, AdapterLoadOptions options,
                          InfoCallback done) = 0;

  // Refuses new requests at once, waits for leased ones, then gives the memory
  // back. When drain_timeout passes: force cancels the rest (ABORTED), else
  // the adapter is READY again and `done` gets DEADLINE_EXCEEDED (IN_USE).
  //
  // INVALID_ARGUMENT (ADAPTER_ID). NOT_FOUND (ADAPTER). FAILED_PRECONDITION
  // (STATE): already draining.
  virtual WaitId Unload(UnloadAdapterSpec spec, UnloadCallback done) = 0;

  // Ends one wait: its callback gets CANCELLED now unless it was called
  // already. A load stops when no waiter is left; an unload goes on.
  virtual void CancelWait(WaitId id) = 0;

  // Changes how an adapter is kept and reports it, once that is durable.
  //
  // To `done`: INVALID_ARGUMENT (ADAPTER_ID). NOT_FOUND (ADAPTER): unknown id.
  // RESOURCE_EXHAUSTED (QUOTA): it cannot be pinned beside what is; nothing
  // changes.
  virtual void Update(const UpdateAdapterSpec& spec, InfoCallback done) = 0;

  // INVALID_ARGUMENT (ADAPTER_ID). NOT_FOUND (ADAPTER): unknown id.
  virtual absl::StatusOr<AdapterInfo> Get(const AdapterId& id) const = 0;
  // Where the serving version of `id` is now; kDisk if there is none.
  virtual AdapterTier TierOf(const AdapterId& id) const = 0;

  // `filter`: terms joined by " AND ": `state=READY`, `tier=DEVICE`,
  // `pinned=true`, `id=PREFIX*`, `labels.KEY=VALUE`; empty: all.
  //
  // INVALID_ARGUMENT (PARAM): filter, page size or token cannot be read.
  virtual absl::StatusOr<AdapterPage> List(
      const std::string& filter, int32_t page_size,
      const std::string& page_token) const = 0;

  // Calls `callback` with a kSnapshot of every adapter, then with each change,
  // in order, until Unwatch returns. Must not block or call back.
  virtual WaitId Watch(WatchCallback callback) = 0;
  virtual void Unwatch(WaitId id) = 0;

  // Tells watchers that something about `ids` has changed which the plane does
  // not know: whether merged copies of them exist. Unknown ids are ignored.
  virtual void PublishChange(absl::Span<const AdapterId> ids) = 0;

  // Leases the serving version of each id, all or none. An adapter that is
  // loading its first version is waited for; a registered one that is on disk
  // only is leased at once (its bytes follow on demand).
  //
  // To `done`: NOT_FOUND (ADAPTER), FAILED_PRECONDITION (STATE): draining or
  // failed, INVALID_ARGUMENT: ADAPTER_ID; WEIGHTS: an id twice.
  virtual WaitId AcquireLeases(std::vector<AdapterId> ids,
                               LeaseCallback done) = 0;

  // `dependent` must outlive the plane's work: see AdapterManager::Close.
  virtual void AddDependent(AdapterDependent* dependent) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_PLANE_H_
