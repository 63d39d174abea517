// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_ADAPTER_LOADER_H_
#define LORA_TESTS_FAKES_FAKE_ADAPTER_LOADER_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_loader.h"
#include "server/base/error.h"
#include "server/base/mutex.h"
#include "server/base/sha256.h"
#include "server/base/sync_point.h"

namespace lora {

// What a source of FakeAdapterLoader holds.
struct FakeFiles {
  std::string content;      // Decides the digest.
  int64_t host_bytes = 10;  // At least content.size().
  int32_t device_bytes = 10;
  absl::Status status;  // Not OK: Read fails with it.
};

// An AdapterLoader over a map instead of a disk. Read reaches the sync point
// "Read:<source>" before it looks at the files. Thread-safe.
class FakeAdapterLoader final : public AdapterLoader {
 public:
  explicit FakeAdapterLoader(SyncPoints* sync = nullptr) : sync_(sync) {}

  // Writes, or overwrites, the files of `source`.
  void Put(const std::string& source, FakeFiles files)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    files_[source] = std::move(files);
  }
  void Delete(const std::string& source) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    files_.erase(source);
  }
  int64_t num_reads() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return num_reads_;
  }
  static std::string DigestOf(const std::string& content) {
    return Sha256Hex(content);
  }

  absl::StatusOr<int64_t> Measure(const std::string& source) override {
    MutexLock lock(mu_);
    const auto it = files_.find(source);
    if (it == files_.end()) return NoFiles(source);
    return it->second.host_bytes;
  }

  absl::StatusOr<std::unique_ptr<HostAdapter>> Read(
      const AdapterId& id, const std::string& source,
      const AdapterLoadOptions& /*options*/, int64_t max_bytes,
      LoadProgress& progress) override {
    progress.Report(0.5);
    ReachSyncPoint(sync_, absl::StrCat("Read:", source));
    if (progress.cancelled()) return absl::CancelledError("stopped");
    MutexLock lock(mu_);
    ++num_reads_;
    const auto it = files_.find(source);
    if (it == files_.end()) return NoFiles(source);
    const FakeFiles& files = it->second;
    if (!files.status.ok()) return files.status;
    if (files.host_bytes > max_bytes) {
      return Error(absl::StatusCode::kUnavailable,
                   ErrorReason::kSourceUnreachable,
                   absl::StrCat("the files in ", source, " grew"));
    }
    auto host = std::make_unique<HostAdapter>();
    host->key = {id, DigestOf(files.content)};
    host->spec.max_rank = files.device_bytes;  // FakeUploader reads it back.
    host->spec.target_modules = {"q_proj"};
    host->spec.warnings = {"fake"};
    host->weights_sha256 = Sha256Hex(files.content);
    host->bytes = files.content;
    host->bytes.resize(std::max<size_t>(files.host_bytes, host->bytes.size()));
    return host;
  }

 private:
  static absl::Status NoFiles(const std::string& source) {
    return Error(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing,
                 absl::StrCat("there are no files in ", source));
  }

  SyncPoints* const sync_;
  mutable Mutex mu_;
  std::map<std::string, FakeFiles> files_ ABSL_GUARDED_BY(mu_);
  int64_t num_reads_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_ADAPTER_LOADER_H_
