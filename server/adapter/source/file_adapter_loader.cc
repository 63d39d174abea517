// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/source/file_adapter_loader.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/adapter/format/adapter_files.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {

absl::StatusOr<int64_t> FileAdapterLoader::Measure(const std::string& source) {
  LORA_ASSIGN_OR_RETURN(const std::string path, source_->Resolve(source));
  LORA_ASSIGN_OR_RETURN(const AdapterFiles files, FindAdapterFiles(path));
  const std::filesystem::path weights =
      std::filesystem::path(files.directory) / files.weights;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(weights, error);
  if (!error) return static_cast<int64_t>(size);
  return Error(
      absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
      absl::StrCat(weights.string(),
                   " is not a file that can be read: ", error.message()));
}

absl::StatusOr<std::unique_ptr<HostAdapter>> FileAdapterLoader::Read(
    const AdapterId& id, const std::string& source,
    const AdapterLoadOptions& options, LoadProgress& progress) {
  LORA_ASSIGN_OR_RETURN(const std::string path, source_->Resolve(source));
  return ReadAdapter(path, id, base_, {options, limits_},
                     [&progress](double fraction) {
                       progress.Report(fraction);
                       return progress.cancelled()
                                  ? absl::CancelledError("the load was stopped")
                                  : absl::OkStatus();
                     });
}

}  // namespace lora
