// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/metrics_server.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/http_get.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

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
