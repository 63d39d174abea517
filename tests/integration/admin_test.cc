// SPDX-License-Identifier: Apache-2.0
// The real lora-admin against the real server.
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/long_context_model.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

// What lora-admin exits with.
constexpr int kOk = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;

class AdminTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(server_, ServerProcess::Start());
  }

  ProgramResult Run(const std::vector<std::string>& arguments,
                    const std::string& input = "") {
    return RunAdmin(server_->endpoint(), arguments, input);
  }
  // Standard output of a command that must succeed.
  std::string Succeed(const std::vector<std::string>& arguments,
                      const std::string& input = "") {
    const ProgramResult result = Run(arguments, input);
    EXPECT_EQ(result.exit_code, kOk) << result.err;
    return result.out;
  }
  // The same with -o json, parsed.
  Json SucceedWithJson(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-o", "json"});
    return Json::parse(Succeed(arguments), nullptr, /*allow_exceptions=*/false);
  }
  void Load(const std::string& id, const std::string& skill) {
    Succeed({"load", id, Skills::Source(skill)});
  }
  std::string Answer(const std::string& skill) const {
    return absl::StrCat(Skills::Get().Answer(word_, skill), "\n");
  }

  const std::string word_ = Skills::Get().words()[8];
  const std::string prompt_ = absl::StrCat(word_, ">");
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(AdminTest, AnAdapterLivesItsWholeLife) {
  const Json loaded = SucceedWithJson({"load", "caps", Skills::Source("upper"),
                                       "--pin", "--label", "team=data"});
  EXPECT_EQ(loaded["state"], "ADAPTER_STATE_READY");
  EXPECT_EQ(loaded["rank"], 2);
  Load("back", "reverse");

  const Json list = SucceedWithJson({"list"})["adapters"];
  ASSERT_EQ(list.size(), 2);
  EXPECT_EQ(list[0]["adapter_id"], "back");
  EXPECT_EQ(list[1]["adapter_id"], "caps");
  EXPECT_EQ(list[1]["digest"], loaded["digest"]);
  EXPECT_EQ(
      SucceedWithJson({"list", "--filter", "labels.team=data"})["adapters"]
          .size(),
      1);
  EXPECT_THAT(Succeed({"list"}), AllOf(HasSubstr("caps"), HasSubstr("READY"),
                                       HasSubstr("DEVICE")));

  const Json got = SucceedWithJson({"get", "caps"});
  EXPECT_EQ(got["pinned"], true);
  EXPECT_EQ(got["labels"]["team"], "data");
  EXPECT_THAT(Succeed({"get", "caps"}), HasSubstr("q_proj v_proj"));
  EXPECT_EQ(SucceedWithJson({"update", "caps", "--unpin"})["pinned"], false);
  EXPECT_THAT(Succeed({"validate", Skills::Source("dash")}),
              HasSubstr("valid, LORA of rank 1"));

  Succeed({"load", "back", Skills::Source("rot13"), "--replace"});
  EXPECT_EQ(Succeed({"generate", "--adapter", "back", "--prompt", prompt_}),
            Answer("rot13"));

  const Json unloaded = SucceedWithJson({"unload", "caps"});
  EXPECT_EQ(unloaded["freed_device_bytes"], loaded["device_bytes"]);
  EXPECT_EQ(Run({"get", "caps"}).exit_code, kRefused);
  EXPECT_EQ(SucceedWithJson({"list"})["adapters"].size(), 1);
}

TEST_F(AdminTest, MergedCopiesComeAndGo) {
  Load("caps", "upper");
  const Json merged = SucceedWithJson({"merge", "caps"});
  EXPECT_EQ(SucceedWithJson({"get", "caps"})["merged"], true);
  const Json list = SucceedWithJson({"list", "--merged"})["merged_adapters"];
  ASSERT_EQ(list.size(), 1);
  EXPECT_EQ(list[0]["merged_id"], merged["merged_id"]);
  const ProgramResult answer = Run({"generate", "--adapter", "caps", "--path",
                                    "merged", "--prompt", prompt_, "--stats"});
  EXPECT_EQ(answer.out, Answer("upper"));
  EXPECT_THAT(answer.err, HasSubstr("MERGED path"));
  const Json unmerged = SucceedWithJson({"unmerge", "--component", "caps"});
  EXPECT_EQ(unmerged["freed_bytes"], merged["bytes"]);
  EXPECT_EQ(SucceedWithJson({"get", "caps"})["merged"], false);
  EXPECT_THAT(Run({"unmerge", "--component", "caps"}).err,
              StartsWith("error: NOT_FOUND (NOT_MERGED): "));
}

TEST_F(AdminTest, GenerateAnswersPromptsFromFlagAndInput) {
  Load("dash", "dash");
  EXPECT_EQ(Succeed({"generate", "--prompt", prompt_}), Answer(""));
  EXPECT_EQ(Succeed({"generate", "--adapter", "dash"}, prompt_ + "\n"),
            Answer("dash"));
  const Json answer =
      SucceedWithJson({"generate", "--adapter", "dash", "--prompt", prompt_});
  EXPECT_EQ(answer["text"].get<std::string>() + "\n", Answer("dash"));
  EXPECT_EQ(answer["finish_reason"], "STOP");
  EXPECT_EQ(answer["provenance"]["adapters"][0]["adapter_id"], "dash");
}

TEST_F(AdminTest, GenerateShowsTokensAsTheyCome) {
  // It goes on for longer than any test: what is seen was streamed.
  const LongContextModel model;
  ASSERT_OK_AND_ASSIGN(server_, ServerProcess::Start({.model = model.path()}));
  Program generate(AdminCommand(server_->endpoint(),
                                {"generate", "--prompt", prompt_,
                                 "--ignore-eos", "--max-new-tokens", "99000"}),
                   Program::Output::kStdout);
  EXPECT_TRUE(generate.WaitForUnfinishedLine(word_));
}

TEST_F(AdminTest, WatchFollowsAnAdapter) {
  Load("there", "dash");
  Program watch(AdminCommand(server_->endpoint(), {"watch", "-o", "json"}),
                Program::Output::kStdout);
  EXPECT_TRUE(watch.WaitForLine("\"SNAPSHOT\"").has_value());
  Load("caps", "upper");
  Succeed({"unload", "caps"});
  const auto removed = watch.WaitForLine("\"REMOVED\"");
  ASSERT_TRUE(removed.has_value());
  EXPECT_EQ(Json::parse(*removed)["adapter"]["adapter_id"], "caps");
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 128 + SIGINT);
}

TEST_F(AdminTest, InfoShowsModelAndBudgets) {
  const Json info = SucceedWithJson({"info"});
  EXPECT_EQ(info["base_model"]["model_type"], "llama");
  EXPECT_EQ(info["device"], "cpu");
  EXPECT_EQ(info["threads"], 1);
  EXPECT_THAT(Succeed({"info"}), HasSubstr("device memory"));
  const Json tokens = SucceedWithJson({"tokenize", "--prompt", prompt_});
  EXPECT_EQ(tokens["ids"].size(), prompt_.size());
}

TEST_F(AdminTest, ExitCodesTellRefusedFromUsageFromUnreachable) {
  const ProgramResult refused = Run({"load", "a", "/etc"});
  EXPECT_EQ(refused.exit_code, kRefused);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, StartsWith("error: PERMISSION_DENIED (PATH): "));
  EXPECT_EQ(
      Run({"generate", "--adapter", "nobody", "--prompt", prompt_}).exit_code,
      kRefused);
  EXPECT_EQ(Run({"load", "only-an-id"}).exit_code, kUsage);
  EXPECT_EQ(Run({"frobnicate"}).exit_code, kUsage);
  EXPECT_EQ(server_->Stop(), 0);
  EXPECT_EQ(Run({"info"}).exit_code, kUnreachable);
}

}  // namespace
}  // namespace lora
