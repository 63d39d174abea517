// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/adapter_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/adapter/format/file_content.h"
#include "server/adapter/format/peft_fields.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kDiffusersWeightsFile =
    "pytorch_lora_weights.safetensors";

struct Listing {
  std::vector<std::string> files;  // Sorted; whatever is not a directory.
  std::vector<std::string> adapter_folders;  // Holding adapters of their own.

  bool Has(absl::string_view name) const {
    return std::binary_search(files.begin(), files.end(), name);
  }
};

absl::Status NoFiles(const std::string& path, absl::string_view found) {
  return Error(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing,
               absl::StrCat(path, " ", found, "; expected ", kPeftConfigFile,
                            " and ", kPeftWeightsFile));
}

absl::StatusOr<Listing> List(const std::string& path) {
  Listing listing;
  std::error_code error;
  fs::directory_iterator it(path, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (!it->is_directory(ignored)) {
      listing.files.push_back(name);
    } else if (fs::exists(it->path() / std::string(kPeftConfigFile), ignored)) {
      listing.adapter_folders.push_back(name);
    }
  }
  if (error == std::errc::permission_denied) {
    return Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
                 absl::StrCat(path, " cannot be listed"));
  }
  if (error) return NoFiles(path, "cannot be listed: " + error.message());
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

absl::StatusOr<AdapterFiles> FindPeftFiles(const std::string& directory,
                                           const Listing& listing) {
  if (listing.Has(kPeftWeightsFile)) {
    return AdapterFiles{directory, std::string(kPeftConfigFile),
                        kPeftWeightsFile};
  }
  const auto pickle =
      std::find_if(listing.files.begin(), listing.files.end(), HasPickleName);
  if (pickle != listing.files.end()) {
    return PickleRefused(absl::StrCat(directory, " has only ", *pickle,
                                      ", a pickle by its name"));
  }
  return Error(absl::StatusCode::kNotFound, ErrorReason::kWeightsMissing,
               absl::StrCat(directory, " has ", kPeftConfigFile, " but no ",
                            kPeftWeightsFile));
}

absl::StatusOr<AdapterFiles> FindSingleFile(const std::string& directory,
                                            const Listing& listing) {
  if (listing.Has(kDiffusersWeightsFile)) {
    return AdapterFiles{directory, "", std::string(kDiffusersWeightsFile)};
  }
  std::vector<std::string> weights;
  for (const std::string& name : listing.files) {
    if (absl::EndsWith(name, ".safetensors")) weights.push_back(name);
  }
  if (weights.size() == 1) return AdapterFiles{directory, "", weights[0]};
  if (weights.size() > 1) {
    return NoFiles(directory,
                   absl::StrCat("holds ", weights.size(),
                                " safetensors files and no ", kPeftConfigFile));
  }
  const auto pickle =
      std::find_if(listing.files.begin(), listing.files.end(), HasPickleName);
  if (pickle != listing.files.end()) {
    return PickleRefused(absl::StrCat(directory, " has only ", *pickle,
                                      ", a pickle by its name"));
  }
  if (!listing.adapter_folders.empty()) {
    return NoFiles(
        directory,
        absl::StrCat("holds adapters in folders of their own, such "
                     "as ",
                     listing.adapter_folders.front(), "; load one of those"));
  }
  return NoFiles(directory, "holds no adapter");
}

}  // namespace

absl::StatusOr<AdapterFiles> FindAdapterFiles(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return NoFiles(path, "does not exist");
  if (!fs::is_directory(status)) {
    const fs::path file(path);
    const std::string name = file.filename().string();
    if (HasPickleName(name)) {
      return PickleRefused(absl::StrCat(path, " is a pickle by its name"));
    }
    return AdapterFiles{file.parent_path().string(), "", name};
  }
  LORA_ASSIGN_OR_RETURN(const Listing listing, List(path));
  return listing.Has(kPeftConfigFile) ? FindPeftFiles(path, listing)
                                      : FindSingleFile(path, listing);
}

}  // namespace lora
