// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_SOURCE_DIRECTORY_SOURCE_H_
#define LORA_SERVER_ADAPTER_SOURCE_DIRECTORY_SOURCE_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/source/adapter_source.h"

namespace lora {

struct DirectorySourceOptions {
  // Folders below which any adapter may be read.
  std::vector<std::string> roots;
  // Adapters the operator named: trusted as they are, links included.
  std::vector<std::string> named_at_start;
};

// Adapters in folders of this machine: those strictly below a root, and those
// that were named at start. A path is judged by where it really is, so neither
// `..` nor a symbolic link leads out of a root; whether something exists
// outside is never told. A name that was given at start is trusted wherever it
// leads now: a link such as `current` may be changed. Another path to a folder
// that was named opens that folder's files and what its own links lead to, and
// nothing else, wherever that path leads by then. Immutable, so thread-safe.
class DirectorySource final : public AdapterSource {
 public:
  // NOT_FOUND (PATH): a root is no folder.
  static absl::StatusOr<std::unique_ptr<DirectorySource>> Create(
      const DirectorySourceOptions& options);

  // `source` is a path; a relative one is looked for below each root.
  absl::StatusOr<std::string> Resolve(const std::string& source) override;
  absl::Status CheckOpened(const std::string& source,
                           const std::string& real_path) const override;

 private:
  using Path = std::filesystem::path;
  // An adapter that was named at start.
  struct Named {
    Path name;      // Absolute, as it was given.
    Path at_start;  // Where it was then, canonical.
  };

  DirectorySource(std::vector<Path> roots, std::vector<Named> named)
      : roots_(std::move(roots)), named_(std::move(named)) {}

  // Whether `source` is written as a name given at start; however files change,
  // that does not.
  bool IsName(const std::string& source) const;
  // Whether `canonical` is where an adapter was that was named at start.
  bool WasNamed(const Path& canonical) const;
  // The same, or a file right in it.
  bool IsInNamed(const Path& canonical) const;
  absl::Status NotAllowed(const std::string& source) const;
  bool IsBelowRoot(const Path& canonical) const;
  absl::Status CheckLinks(const Path& directory) const;

  const std::vector<Path> roots_;  // Canonical.
  const std::vector<Named> named_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_SOURCE_DIRECTORY_SOURCE_H_
