// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_WIRING_H_
#define LORA_SERVER_WIRING_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config.h"

namespace lora {

// A running server: every object of the process, put together from a Config.
// The composition root: the only file that knows every layer.
//
//   Start -> (serves) -> Stop
//
// Not thread-safe.
class Server {
 public:
  // Listens, loads the base model and the tokenizer, registers the adapters
  // named in `config`, and serves. While it loads, every call is answered
  // UNAVAILABLE (STARTING). Calls `before_ready` when only that is left:
  // whoever sees the server ready finds its effect.
  //
  // Errors are for the person who started the server: each says which flag or
  // file is wrong.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const Config& config, absl::FunctionRef<void()> before_ready = [] {});

  ~Server();

  // Refuses new requests, finishes running ones until `deadline`, ends the
  // rest, and closes every connection.
  void Stop(absl::Time deadline);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lora

#endif  // LORA_SERVER_WIRING_H_
