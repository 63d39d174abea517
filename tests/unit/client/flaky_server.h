// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_UNIT_CLIENT_FLAKY_SERVER_H_
#define LORA_TESTS_UNIT_CLIENT_FLAKY_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lora/v1/generation_service.grpc.pb.h"
#include "lora/v1/server_service.grpc.pb.h"
#include "server/base/mutex.h"

namespace lora {

// A server whose GetServerInfo and Generate end as a test says. Thread-safe.
class FlakyServer {
 public:
  FlakyServer();
  ~FlakyServer();

  std::string target() const;
  // What the next calls end with; later ones succeed. A stream that succeeds
  // has one message.
  void FailNext(const std::vector<grpc::StatusCode>& codes)
      ABSL_LOCKS_EXCLUDED(mu_);
  // From now on a failing stream sends a message first.
  void SendBeforeFailing() ABSL_LOCKS_EXCLUDED(mu_);

  int num_calls() const ABSL_LOCKS_EXCLUDED(mu_);
  void WaitForCalls(int count) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class ServerService;
  class GenerationService;

  // Counts a call and says how it ends.
  grpc::Status NextStatus() ABSL_LOCKS_EXCLUDED(mu_);
  bool SendsBeforeFailing() const ABSL_LOCKS_EXCLUDED(mu_);

  mutable Mutex mu_;
  CondVar called_;
  int num_calls_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<grpc::StatusCode> codes_ ABSL_GUARDED_BY(mu_);
  bool send_before_failing_ ABSL_GUARDED_BY(mu_) = false;
  int port_ = 0;
  std::unique_ptr<ServerService> server_service_;
  std::unique_ptr<GenerationService> generation_service_;
  std::unique_ptr<grpc::Server> server_;
};

// Accepts connections and never says a word.
class SilentListener {
 public:
  SilentListener();
  ~SilentListener();
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  std::string target() const;

 private:
  int fd_ = -1;
};

}  // namespace lora

#endif  // LORA_TESTS_UNIT_CLIENT_FLAKY_SERVER_H_
