// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/adapter_digest.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/sha256.h"

namespace lora {

std::string AdapterDigest(std::vector<DigestedFile> files) {
  std::sort(files.begin(), files.end(),
            [](const DigestedFile& x, const DigestedFile& y) {
              return x.name < y.name;
            });
  Sha256 sha256;
  for (const DigestedFile& file : files) {
    sha256.Update(
        absl::StrCat(file.name, " ", file.length, " ", file.sha256, "\n"));
  }
  return sha256.HexDigest();
}

}  // namespace lora
