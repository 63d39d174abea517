// SPDX-License-Identifier: Apache-2.0
// fake-lora-server: the real gRPC services over fakes, for tests of clients in
// other languages. Prints "listening on HOST:PORT" and serves until standard
// input ends. Answers are those of EchoScript; a source "/missing" cannot be
// loaded. The argument, if any, is a token file.
#include <prometheus/registry.h>

#include <iostream>
#include <string>

#include "server/base/error.h"
#include "server/rpc/server.h"
#include "tests/fakes/fake_adapter_plane.h"
#include "tests/fakes/fake_engine.h"

int main(int argc, char** argv) {
  lora::FakeEngine engine(lora::EchoScript);
  lora::FakeAdapterPlane plane;
  plane.FailSource("/missing",
                   lora::Error(absl::StatusCode::kNotFound,
                               lora::ErrorReason::kAdapterFilesMissing,
                               "/missing holds no adapter"));
  prometheus::Registry registry;
  const auto server = lora::RpcServer::Start(
      {.listen = "127.0.0.1:0", .auth_token_file = argc > 1 ? argv[1] : ""},
      registry);
  if (!server.ok()) {
    std::cerr << server.status() << "\n";
    return 1;
  }
  (*server)->SetReady(engine, plane);
  std::cout << "listening on 127.0.0.1:" << (*server)->port() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) continue;
  return 0;
}
