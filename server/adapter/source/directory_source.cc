// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/source/directory_source.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

namespace fs = std::filesystem;

absl::Status Denied(const std::string& message) {
  return Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
               message);
}

// `path` with every link followed, as far as it exists; empty if it cannot be
// told.
fs::path Canonical(const fs::path& path) {
  std::error_code error;
  fs::path result = fs::weakly_canonical(path, error);
  return error ? fs::path() : result;
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
    roots.push_back(Canonical(fs::path(root) / "."));
  }
  std::vector<Named> named;
  for (const std::string& path : options.named_at_start) {
    const fs::path name = Lexical(path);
    named.push_back({.name = name, .at_start = Canonical(name)});
  }
  return std::unique_ptr<DirectorySource>(
      new DirectorySource(std::move(roots), std::move(named)));
}

absl::StatusOr<std::string> DirectorySource::Resolve(
    const std::string& source) {
  if (const std::optional<fs::path> named = FindNamed(source)) {
    std::error_code error;
    if (fs::exists(*named, error)) return named->string();
    return NotFound(source);
  }
  std::vector<fs::path> candidates = {Canonical(source)};
  if (fs::path(source).is_relative()) {
    for (const fs::path& root : roots_) {
      candidates.push_back(Canonical(root / source));
    }
  }
  bool allowed = false;
  for (const fs::path& path : candidates) {
    if (path.empty() || !IsBelowRoot(path)) continue;
    allowed = true;
    std::error_code error;
    if (!fs::exists(path, error)) continue;
    LORA_RETURN_IF_ERROR(CheckLinks(path));
    return path.string();
  }
  if (allowed) return NotFound(source);
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

absl::Status DirectorySource::CheckOpened(const std::string& source,
                                          const std::string& real_path) const {
  if (FindNamed(source).has_value() || IsBelowRoot(real_path)) {
    return absl::OkStatus();
  }
  return Denied(absl::StrCat(source,
                             " led out of the adapter roots when it was read; "
                             "put the files themselves there"));
}

std::optional<fs::path> DirectorySource::FindNamed(
    const std::string& source) const {
  const fs::path name = Lexical(source);
  const fs::path canonical = Canonical(source);
  for (const Named& named : named_) {
    // The name is followed as the operator gave it.
    if (named.name == name) return Canonical(named.name);
    if (!canonical.empty() && named.at_start == canonical) return canonical;
  }
  return std::nullopt;
}

bool DirectorySource::IsBelowRoot(const Path& canonical) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const Path& root) {
    return IsBelow(canonical, root);
  });
}

// PERMISSION_DENIED (PATH): a link in the folder leads out of the roots.
absl::Status DirectorySource::CheckLinks(const Path& directory) const {
  std::error_code error;
  fs::directory_iterator it(directory, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (!it->is_symlink(ignored)) continue;
    if (!IsBelowRoot(Canonical(it->path()))) {
      return Denied(absl::StrCat(it->path().string(),
                                 " is a link that leads out of the adapter "
                                 "roots; put the file itself there"));
    }
  }
  return absl::OkStatus();  // What cannot be listed, the reader refuses.
}

}  // namespace lora
