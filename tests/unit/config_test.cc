// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/version.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// What a command line comes to, and what it printed.
struct Parsed {
  std::variant<Config, ExitNow> result;
  std::string out;
  std::string err;

  // Requires that the server would start.
  const Config& config() const { return std::get<Config>(result); }
  // -1: the server would start.
  int exit_code() const {
    const auto* exit = std::get_if<ExitNow>(&result);
    return exit == nullptr ? -1 : exit->code;
  }
};

Parsed Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "lora-server");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::variant<Config, ExitNow> result =
      ParseConfig(static_cast<int>(argv.size()), argv.data());
  return {.result = std::move(result),
          .out = ::testing::internal::GetCapturedStdout(),
          .err = ::testing::internal::GetCapturedStderr()};
}

class ConfigTest : public ::testing::Test {
 protected:
  ~ConfigTest() override {
    for (const std::string& name : variables_) unsetenv(name.c_str());
  }

  void SetEnv(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), /*overwrite=*/1);
    variables_.push_back(name);
  }

  // The flags that name a model, and `arguments`.
  Parsed ParseWithModel(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), "--model=" + model_);
    return Parse(std::move(arguments));
  }

  Parsed ParseFile(const std::string& text,
                   std::vector<std::string> arguments = {}) {
    arguments.push_back("--config=" + folder_.Write("config", text));
    return ParseWithModel(std::move(arguments));
  }

  const TemporaryFolder folder_;
  const std::string model_ = folder_.string();
  std::vector<std::string> variables_;
};

TEST_F(ConfigTest, VersionIsPrintedAndEndsTheProgram) {
  const Parsed parsed = Parse({"--version"});
  EXPECT_EQ(parsed.exit_code(), 0);
  EXPECT_EQ(parsed.out, "lora-server " + std::string(Version()) + "\n");
}

TEST_F(ConfigTest, HelpNamesFlagsAndVariables) {
  const Parsed parsed = Parse({"--help"});
  EXPECT_EQ(parsed.exit_code(), 0);
  EXPECT_THAT(parsed.out, HasSubstr("--drain-timeout"));
  EXPECT_THAT(parsed.out, HasSubstr("LORA_SERVER_DRAIN_TIMEOUT"));
}

TEST_F(ConfigTest, AModelIsAllThatIsNeeded) {
  const Parsed parsed = ParseWithModel();
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_EQ(parsed.config().model, model_);
  EXPECT_EQ(parsed.config().listen, "127.0.0.1:50051");
  EXPECT_FALSE(parsed.config().insecure);
}

TEST_F(ConfigTest, WrongUsageExitsWithTwoAndSaysWhy) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "--model is required"},
      {{"--model=/no/such/folder"}, "/no/such/folder"},
      {{"--model=" + model_, "--frobnicate"}, "--frobnicate"},
      {{"--model=" + model_, "--device=tpu"}, "--device"},
      {{"--model=" + model_, "--dtype=int3"}, "--dtype"},
      {{"--model=" + model_, "--threads=-1"}, "--threads"},
      {{"--model=" + model_, "--max-queue=0"}, "--max-queue"},
      {{"--model=" + model_, "--kv-memory=2XiB"}, "xib unit not recognized"},
      {{"--model=" + model_, "--kv-memory=-5"}, "not in range"},
      {{"--model=" + model_, "--kv-memory=9EiB"}, "not in range"},
      {{"--model=" + model_, "--drain-timeout=30"}, "'30' is no duration"},
      {{"--model=" + model_, "--drain-timeout=-1s"}, "'-1s' is no duration"},
      {{"--model=" + model_, "--adapter=sql"}, "'sql' must be ID=SOURCE"},
      {{"--model=" + model_, "--adapter-dir=/no/such"}, "--adapter-dir"},
      {{"--model=" + model_, "--config=/no/such"}, "/no/such"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Parsed parsed = Parse(arguments);
    EXPECT_EQ(parsed.exit_code(), 2) << expected;
    EXPECT_THAT(parsed.err, HasSubstr(expected));
  }
}

TEST_F(ConfigTest, ByteSizesTakeUnitsOf1024) {
  const std::vector<std::pair<std::string, int64_t>> cases = {
      {"0", 0},
      {"1000", 1000},
      {"3k", 3 << 10},
      {"512MiB", 512 << 20},
      {"2GB", int64_t{2} << 30},
      {"5gi", int64_t{5} << 30},
      {"1 TiB", int64_t{1} << 40}};
  for (const auto& [text, bytes] : cases) {
    const Parsed parsed = ParseWithModel({"--host-memory=" + text});
    ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
    EXPECT_EQ(parsed.config().host_memory, bytes) << text;
  }
}

TEST_F(ConfigTest, EachBudgetHasItsFlag) {
  const Parsed parsed =
      ParseWithModel({"--kv-memory=1k", "--host-memory=2k",
                      "--device-memory=3k", "--merged-memory=4k"});
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_EQ(parsed.config().kv_memory, 1 << 10);
  EXPECT_EQ(parsed.config().host_memory, 2 << 10);
  EXPECT_EQ(parsed.config().device_memory, 3 << 10);
  EXPECT_EQ(parsed.config().merged_memory, 4 << 10);
}

TEST_F(ConfigTest, DurationsHaveUnits) {
  const Parsed parsed = ParseWithModel({"--drain-timeout=1m30s"});
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_EQ(parsed.config().drain_timeout, absl::Seconds(90));
}

TEST_F(ConfigTest, AdaptersAreIdAndSourceAndMayRepeat) {
  const Parsed parsed = ParseWithModel(
      {"--adapter=a=/x", "--adapter=b=/y=z", "--adapter-dir=" + model_,
       "--adapter-root=" + model_, "--adapter-root=/"});
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_THAT(parsed.config().adapters,
              ElementsAre(Pair("a", "/x"), Pair("b", "/y=z")));
  EXPECT_THAT(parsed.config().adapter_dirs, ElementsAre(model_));
  EXPECT_THAT(parsed.config().adapter_roots, ElementsAre(model_, "/"));
}

TEST_F(ConfigTest, AFlagCanBeSetInTheEnvironment) {
  SetEnv("LORA_SERVER_MODEL", model_);
  SetEnv("LORA_SERVER_MAX_QUEUE", "7");
  SetEnv("LORA_SERVER_KV_MEMORY", "3MiB");
  SetEnv("LORA_SERVER_DRAIN_TIMEOUT", "5s");
  SetEnv("LORA_SERVER_ADAPTER", "a=/x");
  SetEnv("LORA_SERVER_INSECURE", "true");
  SetEnv("LORA_SERVER_LOG_LEVEL", "");
  const Parsed parsed = Parse({});
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_EQ(parsed.config().max_queue, 7);
  EXPECT_EQ(parsed.config().kv_memory, 3 << 20);
  EXPECT_EQ(parsed.config().drain_timeout, absl::Seconds(5));
  EXPECT_THAT(parsed.config().adapters, ElementsAre(Pair("a", "/x")));
  EXPECT_TRUE(parsed.config().insecure);
  EXPECT_EQ(parsed.config().log_level, "info");
}

TEST_F(ConfigTest, ABadVariableIsWrongUsage) {
  SetEnv("LORA_SERVER_DEVICE", "tpu");
  const Parsed parsed = ParseWithModel();
  EXPECT_EQ(parsed.exit_code(), 2);
  EXPECT_THAT(parsed.err, HasSubstr("--device"));
}

TEST_F(ConfigTest, AFlagCanBeSetInTheConfigFile) {
  const Parsed parsed = ParseFile(R"(
# A comment
listen = "127.0.0.1:7000"
max-queue = 9
merged-memory = 1GiB
drain-timeout = 2m
insecure = true
adapter = ["a=/x", "b=/y"]
)");
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_EQ(parsed.config().listen, "127.0.0.1:7000");
  EXPECT_EQ(parsed.config().max_queue, 9);
  EXPECT_EQ(parsed.config().merged_memory, 1 << 30);
  EXPECT_EQ(parsed.config().drain_timeout, absl::Minutes(2));
  EXPECT_TRUE(parsed.config().insecure);
  EXPECT_THAT(parsed.config().adapters,
              ElementsAre(Pair("a", "/x"), Pair("b", "/y")));
}

TEST_F(ConfigTest, ARepeatedLineOfTheConfigFileCounts) {
  const Parsed parsed =
      ParseFile("adapter = a=/x\nmax-queue = 9\nadapter = b=/y\n");
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_THAT(parsed.config().adapters,
              ElementsAre(Pair("a", "/x"), Pair("b", "/y")));
  EXPECT_EQ(ParseFile("max-queue = 1\nlisten = a:1\nmax-queue = 2").exit_code(),
            2);
}

TEST_F(ConfigTest, WhatTheConfigFileSaysAndNoFlagIsCalledIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"auth_token_file = /secret", "there is no flag 'auth_token_file'"},
      {"frobnicate = 1", "there is no flag 'frobnicate'"},
      {"[network]\nlisten = a:1", "found section [network]"},
      {"max-queue = many", "--max-queue"},
      {"version = true", "version"}};
  for (const auto& [text, expected] : cases) {
    const Parsed parsed = ParseFile(text);
    EXPECT_EQ(parsed.exit_code(), 2) << text;
    EXPECT_THAT(parsed.err, HasSubstr(expected));
  }
}

TEST_F(ConfigTest, TheCommandLineWinsOverTheEnvironmentAndThatOverTheFile) {
  SetEnv("LORA_SERVER_MAX_QUEUE", "2");
  SetEnv("LORA_SERVER_MAX_RUNNING", "3");
  const Parsed parsed =
      ParseFile("max-queue = 20\nmax-running = 30\nmax-prefill-tokens = 40",
                {"--max-queue=1"});
  ASSERT_EQ(parsed.exit_code(), -1) << parsed.err;
  EXPECT_EQ(parsed.config().max_queue, 1);
  EXPECT_EQ(parsed.config().max_running, 3);
  EXPECT_EQ(parsed.config().max_prefill_tokens, 40);
}

}  // namespace
}  // namespace lora
