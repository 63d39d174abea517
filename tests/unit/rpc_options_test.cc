// SPDX-License-Identifier: Apache-2.0
#include "server/rpc_options.h"

#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "server/config.h"

namespace lora {
namespace {

RpcServerOptions OptionsOf(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"lora-server", "--model=/"});
  std::vector<char*> argv;
  for (std::string& flag : flags) argv.push_back(flag.data());
  return MakeRpcOptions(std::get<Config>(
      ParseConfig(static_cast<int>(argv.size()), argv.data())));
}

TEST(RpcOptionsTest, NothingIsOpenUnlessAFlagSaysSo) {
  const RpcServerOptions options = OptionsOf({});
  EXPECT_EQ(options.listen, "127.0.0.1:50051");
  EXPECT_EQ(options.tls.cert, "");
  EXPECT_EQ(options.tls.key, "");
  EXPECT_EQ(options.tls.client_ca, "");
  EXPECT_EQ(options.auth_token_file, "");
  EXPECT_FALSE(options.insecure);
}

TEST(RpcOptionsTest, EachFlagReachesItsOption) {
  const RpcServerOptions options = OptionsOf(
      {"--listen=0.0.0.0:1", "--tls-cert=cert.pem", "--tls-key=key.pem",
       "--tls-client-ca=ca.pem", "--auth-token-file=token", "--insecure"});
  EXPECT_EQ(options.listen, "0.0.0.0:1");
  EXPECT_EQ(options.tls.cert, "cert.pem");
  EXPECT_EQ(options.tls.key, "key.pem");
  EXPECT_EQ(options.tls.client_ca, "ca.pem");
  EXPECT_EQ(options.auth_token_file, "token");
  EXPECT_TRUE(options.insecure);
}

}  // namespace
}  // namespace lora
