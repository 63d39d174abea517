// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora::loadgen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::variant<Flags, ExitCode> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "loadgen");
  return ParseFlags(static_cast<int>(arguments.size()), arguments.data());
}

Flags Accepted(const std::vector<const char*>& arguments) {
  const auto result = Parse(arguments);
  EXPECT_TRUE(std::holds_alternative<Flags>(result))
      << ::testing::PrintToString(arguments);
  const Flags* flags = std::get_if<Flags>(&result);
  return flags != nullptr ? *flags : Flags();
}

TEST(LoadgenFlagsTest, DefaultsAreAClosedLoopOverAllAdapters) {
  const Flags flags = Accepted({});
  EXPECT_EQ(flags.connection.endpoint, "127.0.0.1:50051");
  EXPECT_FALSE(flags.rate.has_value());
  EXPECT_FALSE(flags.concurrency.has_value());
  EXPECT_EQ(flags.popularity.kind, Popularity::Kind::kUniform);
  EXPECT_THAT(flags.adapters, IsEmpty());
  EXPECT_EQ(flags.path, v1::AUTO);
}

TEST(LoadgenFlagsTest, EveryFlagIsRead) {
  const Flags flags = Accepted({"-c",
                                "3",
                                "--rate",
                                "2.5",
                                "-n",
                                "9",
                                "--duration",
                                "1m30s",
                                "--warm-up",
                                "4",
                                "--timeout",
                                "250ms",
                                "--popularity",
                                "zipf:1.5",
                                "--adapters",
                                "a,b",
                                "--adapters",
                                "c",
                                "--prompt-tokens",
                                "5",
                                "--max-new-tokens",
                                "6",
                                "--ignore-eos",
                                "--path",
                                "merged",
                                "--seed",
                                "7",
                                "--json",
                                "out.json",
                                "--endpoint",
                                "host:1",
                                "--tls-ca",
                                "ca.pem",
                                "--tls-cert",
                                "cert.pem",
                                "--tls-key",
                                "key.pem",
                                "--tls-server-name",
                                "lora"});
  EXPECT_EQ(flags.concurrency, 3);
  EXPECT_EQ(flags.rate, 2.5);
  EXPECT_EQ(flags.requests, 9);
  EXPECT_EQ(flags.duration, absl::Seconds(90));
  EXPECT_EQ(flags.warm_up, 4);
  EXPECT_EQ(flags.timeout, absl::Milliseconds(250));
  EXPECT_EQ(FormatPopularity(flags.popularity), "zipf:1.5");
  EXPECT_THAT(flags.adapters, ElementsAre("a", "b", "c"));
  EXPECT_EQ(flags.prompt_tokens, 5);
  EXPECT_EQ(flags.max_new_tokens, 6);
  EXPECT_TRUE(flags.ignore_eos);
  EXPECT_EQ(flags.path, v1::MERGED);
  EXPECT_EQ(flags.seed, 7);
  EXPECT_EQ(flags.json_file, "out.json");
  EXPECT_EQ(flags.connection.endpoint, "host:1");
  EXPECT_EQ(flags.connection.tls_ca, "ca.pem");
  EXPECT_EQ(flags.connection.tls_cert, "cert.pem");
  EXPECT_EQ(flags.connection.tls_key, "key.pem");
  EXPECT_EQ(flags.connection.tls_server_name, "lora");
}

TEST(LoadgenFlagsTest, AWrongCommandLineIsAUsageError) {
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{
           {"stray"},
           {"--unknown"},
           {"-c", "0"},
           {"--rate", "0"},
           {"--rate", "fast"},
           {"-n", "0"},
           {"--duration", "0s"},
           {"--duration", "soon"},
           {"--warm-up", "-1"},
           {"--popularity", "zipf"},
           {"--adapters", "a", "b"},
           {"--adapters", "a,,b"},
           {"--prompt-tokens", "0"},
           {"--prompt-file", "/nowhere/prompts"},
           {"--path", "sideways"},
           {"--popularity", "steady", "--rate", "2"}}) {
    testing::internal::CaptureStderr();
    const auto result = Parse(arguments);
    const ExitCode* code = std::get_if<ExitCode>(&result);
    EXPECT_NE(testing::internal::GetCapturedStderr(), "");
    ASSERT_NE(code, nullptr) << ::testing::PrintToString(arguments);
    EXPECT_EQ(*code, kUsage);
  }
}

TEST(LoadgenFlagsTest, HelpAndVersionAreNoErrors) {
  for (const char* flag : {"--help", "--version"}) {
    testing::internal::CaptureStdout();
    const auto result = Parse({flag});
    EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("loadgen"));
    ASSERT_TRUE(std::holds_alternative<ExitCode>(result));
    EXPECT_EQ(std::get<ExitCode>(result), kOk);
  }
}

}  // namespace
}  // namespace lora::loadgen
