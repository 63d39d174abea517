// SPDX-License-Identifier: Apache-2.0
#include "server/wiring.h"

#include <ATen/Parallel.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;

// A server of the example on a free port.
Config ExampleConfig() {
  Config config;
  config.model = "examples/skills/base";
  config.listen = "127.0.0.1:0";
  config.threads = 1;
  config.kv_memory = int64_t{8} << 20;
  return config;
}

TEST(WiringTest, AServerStartsAndStops) {
  Config config = ExampleConfig();
  config.metrics_listen = "127.0.0.1:0";
  config.adapter_dirs = {"examples/skills/adapters"};
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(config));
  server->Stop(absl::Now());
}

TEST(WiringTest, TorchTakesNoThreadsBesideThoseOfTheKernels) {
  at::set_num_threads(2);
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(ExampleConfig()));
  EXPECT_EQ(at::get_num_threads(), 1);
  int elsewhere = 0;
  std::thread([&] { elsewhere = at::get_num_threads(); }).join();
  EXPECT_EQ(elsewhere, 1);
}

TEST(WiringTest, AServerStartsAgainWhereOneHasStopped) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(ExampleConfig()));
  }
}

// Each changes the example's Config; the message starts with the flag to
// change.
TEST(WiringTest, WhatCannotServeIsRefusedByItsFlag) {
  using Change = void (*)(Config&);
  std::vector<std::pair<Change, std::string>> cases = {
      {[](Config& config) { config.model = "tests"; }, "tests"},
      {[](Config& config) { config.kv_memory = 100; }, "set --kv-memory"},
      {[](Config& config) { config.merged_memory = int64_t{1} << 50; },
       "of --merged-memory"},
      {[](Config& config) { config.max_prefill_tokens = 1 << 30; },
       "lower --max-prefill-tokens"},
      {[](Config& config) { config.state_dir = "/proc/self"; }, "--state-dir"},
      {[](Config& config) { config.listen = "0.0.0.0:0"; }, "--insecure"},
      {[](Config& config) { config.tls_cert = "/no/such.pem"; }, "tls"},
      {[](Config& config) {
         config.adapters = {{"a", "/no/such"}};
       },
       "--adapter a"},
      {[](Config& config) {
         config.adapters = {{"a b", "tests"}};
       },
       "--adapter a b"},
      {[](Config& config) { config.adapter_dirs = {"/no/such"}; },
       "--adapter-dir /no/such"},
      {[](Config& config) { config.adapter_roots = {"/no/such"}; }, "/no/such"},
  };
#ifndef LORA_WITH_CUDA
  cases.push_back(
      {[](Config& config) { config.device = "cuda"; }, "--device cuda"});
#endif
  for (const auto& [change, expected] : cases) {
    Config config = ExampleConfig();
    change(config);
    const absl::Status status = Server::Start(config).status();
    EXPECT_FALSE(status.ok()) << expected;
    EXPECT_THAT(status, MessageIs(HasSubstr(expected)));
  }
}

}  // namespace
}  // namespace lora
