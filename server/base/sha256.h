// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_SHA256_H_
#define LORA_SERVER_BASE_SHA256_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace lora {

// Incremental SHA-256 (FIPS 180-4). Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::string_view bytes);
  // The digest as 64 lower-case hex digits. The last call on the object.
  std::string HexDigest();
  // The digest as 32 bytes. The last call on the object.
  std::string RawDigest();

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Deleter> context_;
};

// The digest of `bytes` as 64 lower-case hex digits.
std::string Sha256Hex(absl::string_view bytes);

}  // namespace lora

#endif  // LORA_SERVER_BASE_SHA256_H_
