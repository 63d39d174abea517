// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/source/directory_source.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

namespace fs = std::filesystem;

absl::Status Denied(const std::string& message) {
  return Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
               message);
}

// `path` with every link followed, as far as it exists.
//
// Errors as ErrnoStatus.
absl::StatusOr<fs::path> Canonical(const fs::path& path) {
  std::error_code error;
  fs::path result = fs::weakly_canonical(path, error);
  if (error) return ErrnoStatus(error.value(), path.string(), "follow");
  return result;
}

// Errors as ErrnoStatus, but for NOT_FOUND.
absl::StatusOr<bool> Exists(const fs::path& path) {
  std::error_code error;
  const fs::file_status found = fs::status(path, error);
  if (fs::exists(found)) return true;
  absl::Status status =
      ErrnoStatus(error ? error.value() : ENOENT, path.string(), "look at");
  if (absl::IsNotFound(status)) return false;
  return status;
}

// `path` from the root, without `.`, `..` and a slash at its end; no link is
// followed.
fs::path Lexical(const std::string& path) {
  std::error_code error;
  const fs::path result = fs::absolute(path, error).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

absl::Status NotFound(const std::string& source) {
  return Error(
      absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing,
      absl::StrCat("there is no folder ", source, " below the adapter roots"));
}

// `path`, which is canonical and may be read.
absl::StatusOr<std::string> Existing(const fs::path& path,
                                     const std::string& source) {
  LORA_ASSIGN_OR_RETURN(const bool exists, Exists(path));
  if (!exists) return NotFound(source);
  return path.string();
}

// Whether a link in `folder` leads to `real_path`.
//
// Errors as ErrnoStatus, but for NOT_FOUND.
absl::StatusOr<bool> HasLinkTo(const fs::path& folder,
                               const fs::path& real_path) {
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const absl::StatusOr<fs::path> place = Canonical(it->path());
    if (place.ok() && *place == real_path) return true;
  }
  if (!error) return false;
  absl::Status status = ErrnoStatus(error.value(), folder.string(), "list");
  if (absl::IsNotFound(status)) return false;
  return status;
}

// Whether `path` is strictly below `root`; both are canonical.
bool IsBelow(const fs::path& path, const fs::path& root) {
  const auto [in_root, in_path] =
      std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return in_root == root.end() && in_path != path.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectorySource>> DirectorySource::Create(
    const DirectorySourceOptions& options) {
  std::vector<fs::path> roots;
  for (const std::string& root : options.roots) {
    std::error_code error;
    if (!fs::is_directory(root, error)) {
      return Error(absl::StatusCode::kNotFound, ErrorReason::kPath,
                   absl::StrCat("the adapter root ", root,
                                " is not a folder that can be read"));
    }
    // Without the empty last part that a trailing slash leaves.
    LORA_ASSIGN_OR_RETURN(fs::path path, Canonical(fs::path(root) / "."));
    roots.push_back(std::move(path));
  }
  std::vector<Named> named;
  for (const std::string& path : options.named_at_start) {
    const fs::path name = Lexical(path);
    named.push_back(
        {.name = name, .at_start = Canonical(name).value_or(fs::path())});
  }
  return std::unique_ptr<DirectorySource>(
      new DirectorySource(std::move(roots), std::move(named)));
}

absl::StatusOr<std::string> DirectorySource::Resolve(
    const std::string& source) {
  if (IsName(source)) {  // It is followed as the operator gave it.
    LORA_ASSIGN_OR_RETURN(const fs::path path, Canonical(Lexical(source)));
    return Existing(path, source);
  }
  std::vector<absl::StatusOr<fs::path>> candidates = {Canonical(source)};
  if (candidates[0].ok() && WasNamed(*candidates[0])) {
    return Existing(*candidates[0], source);
  }
  if (fs::path(source).is_relative()) {
    for (const fs::path& root : roots_) {
      candidates.push_back(Canonical(root / source));
    }
  }
  bool allowed = false;
  absl::Status unreachable;
  for (const absl::StatusOr<fs::path>& path : candidates) {
    if (absl::IsUnavailable(path.status())) unreachable = path.status();
    // What else keeps a path from being followed is not told: it may be
    // outside.
    if (!path.ok() || !IsBelowRoot(*path)) continue;
    allowed = true;
    LORA_ASSIGN_OR_RETURN(const bool exists, Exists(*path));
    if (!exists) continue;
    LORA_RETURN_IF_ERROR(CheckLinks(*path));
    return path->string();
  }
  LORA_RETURN_IF_ERROR(unreachable);
  return allowed ? NotFound(source) : NotAllowed(source);
}

absl::Status DirectorySource::CheckOpened(const std::string& source,
                                          const std::string& real_path) const {
  if (IsName(source) || IsBelowRoot(real_path) || IsInNamed(real_path)) {
    return absl::OkStatus();
  }
  // Where `source` leads now may be a later change, so that being named speaks
  // for that folder and its own links, and for nothing else.
  const absl::StatusOr<fs::path> place = Canonical(source);
  if (absl::IsUnavailable(place.status())) return place.status();
  if (place.ok() && WasNamed(*place)) {
    LORA_ASSIGN_OR_RETURN(const bool linked, HasLinkTo(*place, real_path));
    if (linked) return absl::OkStatus();
  }
  return Denied(absl::StrCat(source,
                             " led out of the adapter roots when it was read; "
                             "put the files themselves there"));
}

absl::Status DirectorySource::NotAllowed(const std::string& source) const {
  if (roots_.empty()) {
    return Denied(absl::StrCat(
        source,
        " may not be read: the server was started without "
        "--adapter-root, so it reads only the adapters named then"));
  }
  return Denied(absl::StrCat(
      source, " may not be read: it is not below an adapter root (",
      absl::StrJoin(roots_, ", ",
                    [](std::string* out, const fs::path& root) {
                      out->append(root.string());
                    }),
      ")"));
}

bool DirectorySource::IsName(const std::string& source) const {
  const fs::path name = Lexical(source);
  return std::any_of(named_.begin(), named_.end(),
                     [&](const Named& named) { return named.name == name; });
}

bool DirectorySource::WasNamed(const Path& canonical) const {
  return !canonical.empty() &&
         std::any_of(named_.begin(), named_.end(), [&](const Named& named) {
           return named.at_start == canonical;
         });
}

bool DirectorySource::IsInNamed(const Path& canonical) const {
  return WasNamed(canonical) || WasNamed(canonical.parent_path());
}

bool DirectorySource::IsBelowRoot(const Path& canonical) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const Path& root) {
    return IsBelow(canonical, root);
  });
}

// PERMISSION_DENIED (PATH): a link in the folder leads out of the roots.
// UNAVAILABLE (SOURCE_UNREACHABLE): where it leads cannot be told now.
absl::Status DirectorySource::CheckLinks(const Path& directory) const {
  std::error_code error;
  fs::directory_iterator it(directory, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (!it->is_symlink(ignored)) continue;
    const absl::StatusOr<fs::path> place = Canonical(it->path());
    if (absl::IsUnavailable(place.status())) return place.status();
    if (!place.ok() || !IsBelowRoot(*place)) {
      return Denied(absl::StrCat(it->path().string(),
                                 " is a link that leads out of the adapter "
                                 "roots; put the file itself there"));
    }
  }
  return absl::OkStatus();  // What cannot be listed, the reader refuses.
}

}  // namespace lora
