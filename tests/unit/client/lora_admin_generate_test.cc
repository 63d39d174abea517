// SPDX-License-Identifier: Apache-2.0
// Subcommands that take prompts.
#include <string>
#include <variant>

#include "tests/unit/client/lora_admin_test_util.h"

namespace lora {
namespace {

using ::testing::StartsWith;
using Json = nlohmann::json;
using LoraAdminGenerateTest = LoraAdminTest;

TEST_F(LoraAdminGenerateTest, GenerateStreamsTheAnswer) {
  StartReadyServer(EchoScript);
  EXPECT_EQ(Succeed({"generate", "--adapter", "sql", "--prompt", "hello"}),
            "sql:hello\n");
}

TEST_F(LoraAdminGenerateTest, GenerateReadsStandardInput) {
  StartReadyServer(EchoScript);
  EXPECT_EQ(Succeed({"generate"}, "from a file\n"), ":from a file\n");
}

TEST_F(LoraAdminGenerateTest, GeneratePrintsJsonAndStats) {
  StartReadyServer(EchoScript);
  const Json answer =
      SucceedWithJson({"generate", "--prompt", "hi", "--max-new-tokens", "2"});
  EXPECT_EQ(answer["text"], ":h");
  EXPECT_EQ(answer["finish_reason"], "LENGTH");
  EXPECT_EQ(answer["usage"]["completion_tokens"], 2);
  const ProgramResult stats = Run({"generate", "--prompt", "hi", "--stats"});
  EXPECT_EQ(stats.out, ":hi\n");
  EXPECT_THAT(stats.err, StartsWith("STOP, UNMERGED path, 0 prompt tokens"));
}

TEST_F(LoraAdminGenerateTest, GeneratePassesEveryFlagOn) {
  StartReadyServer();
  Program generate(CommandLine({"generate",
                                "--chat",
                                "hi",
                                "--system",
                                "be brief",
                                "--adapter",
                                "a=0.5",
                                "--adapter",
                                "b",
                                "--temperature",
                                "0.5",
                                "--top-k",
                                "3",
                                "--top-p",
                                "0.75",
                                "--min-p",
                                "0.25",
                                "--repetition-penalty",
                                "1.5",
                                "--frequency-penalty",
                                "0.5",
                                "--presence-penalty",
                                "-0.5",
                                "--seed",
                                "7",
                                "--stop",
                                "x",
                                "--stop",
                                "y",
                                "--ignore-eos",
                                "--path",
                                "merged",
                                "--top-logprobs",
                                "2",
                                "--no-special-tokens"}),
                   Program::Output::kStdout);
  const auto [id, request] = engine_->NextSubmission();
  engine_->Finish(id, GenerationResult{});
  EXPECT_EQ(generate.Wait(), kOk);
  const auto& chat = std::get<ChatPrompt>(request.prompt.content);
  ASSERT_EQ(chat.messages.size(), 2);
  EXPECT_EQ(chat.messages[0].role, "system");
  EXPECT_EQ(chat.messages[1].content, "hi");
  EXPECT_FALSE(request.prompt.add_special_tokens);
  ASSERT_EQ(request.adapters.size(), 2);
  EXPECT_EQ(request.adapters[0].weight, 0.5f);
  EXPECT_EQ(request.adapters[1].id.value(), "b");
  EXPECT_EQ(request.sampling.temperature, 0.5f);
  EXPECT_EQ(request.sampling.top_k, 3);
  EXPECT_EQ(request.sampling.top_p, 0.75f);
  EXPECT_EQ(request.sampling.min_p, 0.25f);
  EXPECT_EQ(request.sampling.repetition_penalty, 1.5f);
  EXPECT_EQ(request.sampling.frequency_penalty, 0.5f);
  EXPECT_EQ(request.sampling.presence_penalty, -0.5f);
  EXPECT_EQ(request.sampling.seed, 7);
  EXPECT_THAT(request.stop, ::testing::ElementsAre("x", "y"));
  EXPECT_TRUE(request.ignore_eos);
  EXPECT_EQ(request.path, PathPreference::kMerged);
  EXPECT_EQ(request.top_logprobs, 2);
}

TEST_F(LoraAdminGenerateTest, GenerateEndsWhatItPrintedBeforeAnError) {
  StartReadyServer([](FakeEngine& engine, const auto& submission) {
    engine.Send(submission.id, {.text = "partial"});
    engine.Finish(submission.id, Error(absl::StatusCode::kAborted,
                                       ErrorReason::kAborted, "unloaded"));
  });
  const ProgramResult result = Run({"generate", "--prompt", "hi"});
  EXPECT_EQ(result.exit_code, kRefused);
  EXPECT_EQ(result.out, "partial\n");
  EXPECT_EQ(result.err, "error: ABORTED (ABORTED): unloaded\n");
}

TEST_F(LoraAdminGenerateTest, TokenizeShowsIdsAndPieces) {
  StartReadyServer();
  EXPECT_EQ(Succeed({"tokenize", "--prompt", "hi"}),
            "ID   PIECE\n104  h\n105  i\n");
}

}  // namespace
}  // namespace lora
