// SPDX-License-Identifier: Apache-2.0
// The C++ example of README.md compiles and does what it says.
#include <string>

#include "client/client.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/rpc_test_util.h"

namespace {

absl::StatusOr<lora::v1::GenerateResponse> RunExample(
    const std::string& endpoint) {
#include "readme_example.inc"
  return answer;
}

}  // namespace

namespace lora {
namespace {

using ReadmeTest = RpcTest;

TEST_F(ReadmeTest, TheCppExampleAsksAnAdapter) {
  StartReadyServer(EchoScript);
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer, RunExample(target()));
  EXPECT_EQ(answer.text(), "reverse:hello>");
}

}  // namespace
}  // namespace lora
