// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/undecodable_call.h"

#include <string>

#include "tests/support/raw_calls.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

class UndecodableCallTest : public RpcTest {
 protected:
  v1::GenerateRequest NotUtf8() {
    v1::GenerateRequest request;
    request.set_text("caf\xE9");
    return request;
  }
  v1::GenerateResponse response_;
};

TEST_F(UndecodableCallTest, AStringThatIsNotUtf8IsInvalid) {
  StartReadyServer();
  EXPECT_THAT(
      generation().GenerateText(NewContext().get(), NotUtf8(), &response_),
      IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kInput));
  const auto context = NewContext();
  const auto stream = generation().Generate(context.get(), NotUtf8());
  EXPECT_FALSE(stream->Read(&response_));
  EXPECT_THAT(stream->Finish(),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kInput));
}

TEST_F(UndecodableCallTest, AMethodThatDoesNotExistStaysUnimplemented) {
  StartReadyServer();
  EXPECT_THAT(CallEmpty(Connect(), "/lora.v1.AdapterService/Nothing"),
              StatusIs(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace lora
