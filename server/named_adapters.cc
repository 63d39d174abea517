// SPDX-License-Identifier: Apache-2.0
#include "server/named_adapters.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

namespace fs = std::filesystem;

absl::Status CannotLook(const std::string& flag, const std::string& path,
                        const std::error_code& error) {
  return Error(
      absl::StatusCode::kFailedPrecondition, ErrorReason::kPath,
      absl::StrCat(flag, ": cannot look into ", path, ": ", error.message()));
}

// The adapters in `folder`, by id.
absl::StatusOr<std::vector<NamedAdapter>> AdaptersBelow(
    const std::string& folder) {
  const std::string flag = absl::StrCat("--adapter-dir ", folder);
  std::vector<NamedAdapter> found;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const fs::path& path = entry->path();
    const bool is_adapter = fs::exists(path / "adapter_config.json", error);
    if (error) return CannotLook(flag, path.string(), error);
    if (!is_adapter) continue;
    found.push_back({.id = AdapterId(path.filename().string()),
                     .source = path.string(),
                     .flag = flag});
  }
  if (error) return CannotLook(flag, folder, error);
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return found;
}

absl::Status CheckIdsDiffer(const std::vector<NamedAdapter>& adapters) {
  std::map<AdapterId, const NamedAdapter*> seen;
  for (const NamedAdapter& adapter : adapters) {
    const auto [it, is_new] = seen.emplace(adapter.id, &adapter);
    if (is_new) continue;
    return Error(
        absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
        absl::StrCat("adapter '", adapter.id.value(), "' is named twice: by ",
                     it->second->flag, " (", it->second->source, ") and by ",
                     adapter.flag, " (", adapter.source,
                     "); leave one of them out"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<NamedAdapter>> AdaptersNamedAtStart(
    const Config& config) {
  std::vector<NamedAdapter> adapters;
  for (const auto& [id, source] : config.adapters) {
    adapters.push_back({.id = AdapterId(id),
                        .source = source,
                        .flag = absl::StrCat("--adapter ", id)});
  }
  for (const std::string& folder : config.adapter_dirs) {
    LORA_ASSIGN_OR_RETURN(std::vector<NamedAdapter> below,
                          AdaptersBelow(folder));
    std::move(below.begin(), below.end(), std::back_inserter(adapters));
  }
  LORA_RETURN_IF_ERROR(CheckIdsDiffer(adapters));
  return adapters;
}

}  // namespace lora
