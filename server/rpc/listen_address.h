// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_LISTEN_ADDRESS_H_
#define LORA_SERVER_RPC_LISTEN_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lora {

// Who can reach an address.
enum class Reach : uint8_t { kThisMachine, kNetwork };

struct ListenAddress {
  std::string text;
  Reach reach = Reach::kNetwork;
};

// Reads "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". Only 127.0.0.0/8, ::1,
// `localhost` and unix sockets are this machine's alone: any other name may
// resolve to anything.
//
// INVALID_ARGUMENT (PARAM): anything else.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

}  // namespace lora

#endif  // LORA_SERVER_RPC_LISTEN_ADDRESS_H_
