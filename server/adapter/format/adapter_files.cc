// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/adapter_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
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

// `error`, an errno, about `path`.
absl::Status PathError(int error, const std::string& path,
                       absl::string_view verb) {
  absl::Status status = ErrnoStatus(error, path, verb);
  if (!absl::IsNotFound(status)) return status;
  return NoFiles(path, error == ENOTDIR ? "is no folder" : "does not exist");
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Lists an open folder, whatever its path leads to meanwhile, and returns the
// errno that ended it; 0: it is complete.
int ListOpened(DIR* folder, Listing& listing) {
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(folder);
    if (entry == nullptr) return errno;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info;
    const bool is_folder =
        ::fstatat(::dirfd(folder), name.c_str(), &info, 0) == 0 &&
        S_ISDIR(info.st_mode);
    if (!is_folder) {
      listing.files.push_back(name);
    } else if (::faccessat(::dirfd(folder),
                           absl::StrCat(name, "/", kPeftConfigFile).c_str(),
                           F_OK, 0) == 0) {
      listing.adapter_folders.push_back(name);
    }
  }
}

absl::StatusOr<Listing> List(const std::string& path,
                             const OpenedFileCheck& check) {
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  if (folder == nullptr) return PathError(errno, path, "list");
  LORA_RETURN_IF_ERROR(CheckOpenedFile(::dirfd(folder.get()), check));
  Listing listing;
  if (const int error = ListOpened(folder.get(), listing); error != 0) {
    return PathError(error, path, "list");
  }
  std::sort(listing.files.begin(), listing.files.end());
  std::sort(listing.adapter_folders.begin(), listing.adapter_folders.end());
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

absl::StatusOr<AdapterFiles> FindAdapterFiles(const std::string& path,
                                              const OpenedFileCheck& check) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return PathError(error ? error.value() : ENOENT, path, "look at");
  }
  if (!fs::is_directory(status)) {
    const fs::path file(path);
    const std::string name = file.filename().string();
    if (HasPickleName(name)) {
      return PickleRefused(absl::StrCat(path, " is a pickle by its name"));
    }
    return AdapterFiles{file.parent_path().string(), "", name};
  }
  LORA_ASSIGN_OR_RETURN(const Listing listing, List(path, check));
  return listing.Has(kPeftConfigFile) ? FindPeftFiles(path, listing)
                                      : FindSingleFile(path, listing);
}

}  // namespace lora
