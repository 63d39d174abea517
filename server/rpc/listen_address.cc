// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"

namespace lora {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";
constexpr int kMaxPort = 65535;

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> IN_CLASSA_NSHIFT) == IN_LOOPBACKNET;
  }
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::Status Unreadable(absl::string_view text, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kParam,
               absl::StrCat("listen address '", text, "' ", what,
                            ", expected HOST:PORT, [IPV6]:PORT or unix:PATH"));
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  if (absl::StartsWith(text, kUnixPrefix)) {
    if (text == kUnixPrefix) return Unreadable(text, "has no path");
    return ListenAddress{std::string(text), Reach::kThisMachine};
  }
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return Unreadable(text, "has no port");
  int port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 ||
      port > kMaxPort) {
    return Unreadable(text, "has a port that is not 0 to 65535");
  }
  absl::string_view host = text.substr(0, colon);
  const bool bracketed =
      absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (host.empty()) return Unreadable(text, "has no host");
  if (!bracketed && absl::StrContains(host, ':')) {
    return Unreadable(text, "has an IPv6 host without brackets");
  }
  return ListenAddress{std::string(text), IsLoopback(std::string(host))
                                              ? Reach::kThisMachine
                                              : Reach::kNetwork};
}

}  // namespace lora
