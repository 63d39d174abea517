// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/auth.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "server/base/file.h"

namespace lora {
namespace {

constexpr int64_t kMaxTokenFileBytes = 4096;
constexpr absl::string_view kScheme = "bearer ";

absl::Status BadTokenFile(const std::string& path, absl::string_view what) {
  return Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kAuth,
               absl::StrCat("token file ", path, ": ", what));
}

absl::Status Refused(absl::string_view what) {
  return Error(absl::StatusCode::kUnauthenticated, ErrorReason::kAuth,
               absl::StrCat(what,
                            ", expected 'authorization: Bearer TOKEN' with the "
                            "token of the server's --auth-token-file"));
}

bool SameBytes(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  const absl::StatusOr<std::string> content =
      ReadFile(path, kMaxTokenFileBytes);
  if (!content.ok()) return BadTokenFile(path, content.status().message());
  const absl::string_view token = absl::StripAsciiWhitespace(*content);
  if (token.empty()) return BadTokenFile(path, "is empty, expected one token");
  if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return BadTokenFile(path,
                        "holds white space or control characters within the "
                        "token, expected one line of printable ASCII");
  }
  return std::string(token);
}

absl::Status CheckAuthorization(absl::string_view header,
                                absl::string_view token) {
  if (token.empty()) return absl::OkStatus();
  if (header.empty()) return Refused("the call carries no credentials");
  if (!absl::StartsWithIgnoreCase(header, kScheme)) {
    return Refused("the call's credentials are not a bearer token");
  }
  if (!SameBytes(header.substr(kScheme.size()), token)) {
    return Refused("the call's token is wrong");
  }
  return absl::OkStatus();
}

absl::Status CheckExposure(const ListenAddress& address,
                           const RpcServerOptions& options) {
  if (address.reach == Reach::kThisMachine || options.insecure ||
      !options.tls.client_ca.empty() || !options.auth_token_file.empty()) {
    return absl::OkStatus();
  }
  return Error(
      absl::StatusCode::kFailedPrecondition, ErrorReason::kAuth,
      absl::StrCat("listening on ", address.text,
                   " would let everybody on the network load and unload "
                   "adapters: ask for client certificates (--tls-cert, "
                   "--tls-key, --tls-client-ca) or a token "
                   "(--auth-token-file), listen on 127.0.0.1, or accept it "
                   "with --insecure"));
}

}  // namespace lora
