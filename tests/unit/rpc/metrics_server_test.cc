// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/metrics_server.h"

#include <netinet/in.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// What 127.0.0.1:`port` answers to `GET path`.
std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(send(fd, request.data(), request.size(), 0), request.size());
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
    answer.append(buffer, n);
  }
  close(fd);
  return answer;
}

TEST(MetricsServerTest, ServesTheRegistryInTextFormat) {
  const auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter()
      .Name("lora_test_total")
      .Help("A test.")
      .Register(*registry)
      .Add({})
      .Increment(7);
  ASSERT_OK_AND_ASSIGN(const auto server,
                       MetricsServer::Start("127.0.0.1:0", registry));
  const std::string answer = HttpGet(server->port(), "/metrics");
  EXPECT_THAT(answer, ContainsRegex("^HTTP/1.. 200 OK"));
  EXPECT_THAT(answer, HasSubstr("lora_test_total 7"));
}

TEST(MetricsServerTest, ServesNothingElse) {
  ASSERT_OK_AND_ASSIGN(
      const auto server,
      MetricsServer::Start("127.0.0.1:0",
                           std::make_shared<prometheus::Registry>()));
  EXPECT_THAT(HttpGet(server->port(), "/etc/passwd"),
              ContainsRegex("^HTTP/1.. 404"));
}

TEST(MetricsServerTest, AnAddressThatCannotBeBoundIsRefused) {
  const auto registry = std::make_shared<prometheus::Registry>();
  ASSERT_OK_AND_ASSIGN(const auto first,
                       MetricsServer::Start("127.0.0.1:0", registry));
  for (const std::string& listen :
       {absl::StrCat("127.0.0.1:", first->port()), std::string("nonsense")}) {
    const auto second = MetricsServer::Start(listen, registry);
    EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 ErrorReason::kParam));
    EXPECT_THAT(second, MessageIs(HasSubstr(listen)));
  }
}

}  // namespace
}  // namespace lora
