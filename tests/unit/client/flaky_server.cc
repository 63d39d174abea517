// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/client/flaky_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace lora {

class FlakyServer::ServerService final : public v1::ServerService::Service {
 public:
  explicit ServerService(FlakyServer& server) : server_(server) {}

  grpc::Status GetServerInfo(grpc::ServerContext*,
                             const v1::GetServerInfoRequest*,
                             v1::ServerInfo*) override {
    return server_.NextStatus();
  }

 private:
  FlakyServer& server_;
};

class FlakyServer::GenerationService final
    : public v1::GenerationService::Service {
 public:
  explicit GenerationService(FlakyServer& server) : server_(server) {}

  grpc::Status Generate(
      grpc::ServerContext*, const v1::GenerateRequest*,
      grpc::ServerWriter<v1::GenerateResponse>* writer) override {
    const grpc::Status status = server_.NextStatus();
    if (status.ok() || server_.SendsBeforeFailing()) {
      writer->Write(v1::GenerateResponse());
    }
    return status;
  }

 private:
  FlakyServer& server_;
};

FlakyServer::FlakyServer()
    : server_service_(std::make_unique<ServerService>(*this)),
      generation_service_(std::make_unique<GenerationService>(*this)) {
  server_ = grpc::ServerBuilder()
                .AddListeningPort("127.0.0.1:0",
                                  grpc::InsecureServerCredentials(), &port_)
                .RegisterService(server_service_.get())
                .RegisterService(generation_service_.get())
                .BuildAndStart();
}

FlakyServer::~FlakyServer() { server_->Shutdown(); }

std::string FlakyServer::target() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void FlakyServer::FailNext(const std::vector<grpc::StatusCode>& codes) {
  MutexLock lock(mu_);
  codes_ = codes;
}

void FlakyServer::SendBeforeFailing() {
  MutexLock lock(mu_);
  send_before_failing_ = true;
}

int FlakyServer::num_calls() const {
  MutexLock lock(mu_);
  return num_calls_;
}

void FlakyServer::WaitForCalls(int count) {
  MutexLock lock(mu_);
  while (num_calls_ < count) called_.Wait(mu_);
}

grpc::Status FlakyServer::NextStatus() {
  MutexLock lock(mu_);
  ++num_calls_;
  called_.NotifyAll();
  if (codes_.empty() || codes_.front() == grpc::OK) {
    if (!codes_.empty()) codes_.erase(codes_.begin());
    return grpc::Status::OK;
  }
  const grpc::Status status(codes_.front(), "as the test said");
  codes_.erase(codes_.begin());
  return status;
}

bool FlakyServer::SendsBeforeFailing() const {
  MutexLock lock(mu_);
  return send_before_failing_;
}

SilentListener::SilentListener() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  listen(fd_, 8);
}

SilentListener::~SilentListener() { close(fd_); }

std::string SilentListener::target() const {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  return absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
}

}  // namespace lora
