// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/rpc_metrics.h"

#include <prometheus/text_serializer.h>

#include <string>

#include "tests/support/raw_calls.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RpcMetricsTest : public RpcTest {
 protected:
  // A call is counted before its caller hears of its end.
  std::string Metrics() {
    return prometheus::TextSerializer().Serialize(registry_->Collect());
  }
};

TEST_F(RpcMetricsTest, CallsAreCountedByMethodAndCode) {
  StartReadyServer();
  v1::ListAdaptersResponse list;
  v1::Adapter adapter;
  EXPECT_RPC_OK(adapters().ListAdapters(NewContext().get(), {}, &list));
  EXPECT_RPC_OK(adapters().ListAdapters(NewContext().get(), {}, &list));
  EXPECT_THAT(adapters().GetAdapter(NewContext().get(), {}, &adapter),
              IsRpcError(grpc::NOT_FOUND, ErrorReason::kAdapter));
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics,
              HasSubstr("lora_rpc_requests_total{code=\"OK\",method=\"lora.v1."
                        "AdapterService/ListAdapters\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("code=\"NOT_FOUND\",method=\"lora.v1."
                                 "AdapterService/GetAdapter\"} 1"));
  EXPECT_THAT(metrics,
              HasSubstr("lora_rpc_duration_seconds_count{method=\"lora.v1."
                        "AdapterService/ListAdapters\"} 2"));
}

TEST_F(RpcMetricsTest, StreamsAreCountedWhenTheyEnd) {
  StartReadyServer(EchoScript);
  v1::GenerateRequest request;
  request.set_text("hi");
  v1::GenerateResponse response;
  const auto context = NewContext();
  const auto reader = generation().Generate(context.get(), request);
  while (reader->Read(&response)) continue;
  EXPECT_RPC_OK(reader->Finish());
  EXPECT_THAT(Metrics(),
              HasSubstr("lora_rpc_requests_total{code=\"OK\",method=\"lora.v1."
                        "GenerationService/Generate\"} 1"));
}

TEST_F(RpcMetricsTest, MethodsThatDoNotExistShareOneTimeSeries) {
  StartReadyServer();
  EXPECT_THAT(CallEmpty(Connect(), "/lora.v1.AdapterService/Nothing"),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(CallEmpty(Connect(), "/no.such.Service/AtAll"),
              StatusIs(absl::StatusCode::kUnimplemented));
  // Not as a method is called.
  EXPECT_THAT(CallEmpty(Connect(), "/lora/v1/AdapterService/ListAdapters"),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(CallEmpty(Connect(), "/lora.v1.AdapterService.ListAdapters"),
              StatusIs(absl::StatusCode::kUnimplemented));
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics, HasSubstr("code=\"UNIMPLEMENTED\",method=\"other\"} 4"));
  EXPECT_THAT(metrics, Not(HasSubstr("Nothing")));
  EXPECT_THAT(metrics, Not(HasSubstr("AtAll")));
  EXPECT_THAT(metrics, Not(HasSubstr("ListAdapters")));
}

}  // namespace
}  // namespace lora
