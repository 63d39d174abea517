// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/source/file_adapter_loader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/format/adapter_files.h"
#include "server/adapter/format/weights_file.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {

OpenedFileCheck FileAdapterLoader::CheckFor(const std::string& source) const {
  return [this, source](const std::string& real_path) {
    return source_->CheckOpened(source, real_path);
  };
}

absl::StatusOr<int64_t> FileAdapterLoader::Measure(const std::string& source) {
  LORA_ASSIGN_OR_RETURN(const std::string path, source_->Resolve(source));
  const OpenedFileCheck check = CheckFor(source);
  LORA_ASSIGN_OR_RETURN(const AdapterFiles files,
                        FindAdapterFiles(path, check));
  const absl::StatusOr<WeightsFile> weights =
      WeightsFile::Open(absl::StrCat(files.directory, "/", files.weights),
                        limits_.max_file_bytes, check);
  if (!weights.ok()) return Annotate(weights.status(), files.weights);
  return weights->size();
}

absl::StatusOr<std::unique_ptr<HostAdapter>> FileAdapterLoader::Read(
    const AdapterId& id, const std::string& source,
    const AdapterLoadOptions& options, int64_t max_bytes,
    LoadProgress& progress) {
  absl::StatusOr<std::string> path = source_->Resolve(source);
  if (!path.ok()) {
    return Annotate(path.status(), AdapterLabel(id, source));
  }
  const ReadOptions read{.load = options,
                         .limits = limits_,
                         .check = CheckFor(source),
                         .source = source,
                         .max_bytes = max_bytes};
  return ReadAdapter(*path, id, base_, read, [&progress](double fraction) {
    progress.Report(fraction);
    return progress.cancelled() ? absl::CancelledError("the load was stopped")
                                : absl::OkStatus();
  });
}

}  // namespace lora
