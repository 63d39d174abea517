// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/setup.h"

#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/rpc_test_util.h"
#include "tests/unit/rpc/test_certificates.h"

namespace lora::loadgen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::ServerInfo ServerWithVocabulary(int32_t vocab_size) {
  v1::ServerInfo server;
  server.mutable_base_model()->set_vocab_size(vocab_size);
  return server;
}

// Against the real services over fakes.
class LoadgenSetupTest : public RpcTest {
 protected:
  // With "a" and "b" loaded.
  void SetUp() override {
    StartReadyServer();
    for (const char* id : {"a", "b"}) {
      AdapterInfo info;
      info.id = AdapterId(id);
      plane_.Put(info);
    }
    flags_.connection.endpoint = target();
    client_ = *loadgen::Connect(flags_);
  }

  Flags flags_;
  std::unique_ptr<Client> client_;
};

TEST_F(LoadgenSetupTest, AllAdaptersOfTheServerAreChosenUnlessSomeAreNamed) {
  EXPECT_THAT(ChooseAdapters(*client_, flags_),
              IsOkAndHolds(ElementsAre("a", "b")));
  flags_.adapters = {"b", "x"};
  EXPECT_THAT(ChooseAdapters(*client_, flags_),
              IsOkAndHolds(ElementsAre("b", "x")));
}

TEST_F(LoadgenSetupTest, NoAdaptersAreChosenForTheBase) {
  flags_.popularity.kind = Popularity::Kind::kNone;
  EXPECT_THAT(ChooseAdapters(*client_, flags_), IsOkAndHolds(IsEmpty()));
}

TEST_F(LoadgenSetupTest, AServerThatCannotBeReachedIsUnavailableAtOnce) {
  flags_.connection.endpoint = "127.0.0.1:1";
  ASSERT_OK_AND_ASSIGN(const auto client, loadgen::Connect(flags_));
  EXPECT_THAT(ChooseAdapters(*client, flags_),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(LoadgenConnectTest, ATokenFileThatCannotBeReadIsRefused) {
  Flags flags;
  flags.connection.token_file = "/nowhere/token";
  EXPECT_THAT(Connect(flags), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(LoadgenPromptsTest, LinesThatAreNotEmptyArePrompts) {
  EXPECT_THAT(SplitPrompts("one\r\n\ntwo 2\n"), ElementsAre("one", "two 2"));
  EXPECT_THAT(SplitPrompts("\n\n"), IsEmpty());
}

TEST(LoadgenWorkloadTest, PromptsComeFromTheFile) {
  Flags flags;
  flags.prompt_file = WriteTestFile("prompts", "first\nsecond\n");
  ASSERT_OK_AND_ASSIGN(const Workload workload,
                       MakeWorkload(ServerWithVocabulary(0), flags, {"a"}));
  EXPECT_EQ(workload.Request(1, 0).text(), "second");
}

TEST(LoadgenWorkloadTest, AFileWithoutPromptsIsRefused) {
  Flags flags;
  flags.prompt_file = WriteTestFile("prompts", "\n");
  EXPECT_THAT(MakeWorkload(ServerWithVocabulary(9), flags, {"a"}),
              MessageIs(HasSubstr("holds no prompts")));
}

TEST(LoadgenWorkloadTest, RandomPromptsNeedAVocabulary) {
  EXPECT_THAT(MakeWorkload(ServerWithVocabulary(0), {}, {"a"}),
              MessageIs(HasSubstr("--prompt-file")));
  EXPECT_OK(MakeWorkload(ServerWithVocabulary(1), {}, {"a"}));
}

TEST(LoadgenWorkloadTest, NoAdaptersAreRefusedUnlessTheBaseIsMeant) {
  Flags flags;
  EXPECT_THAT(MakeWorkload(ServerWithVocabulary(9), flags, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  flags.popularity.kind = Popularity::Kind::kNone;
  EXPECT_OK(MakeWorkload(ServerWithVocabulary(9), flags, {}));
}

TEST(LoadgenOptionsTest, ARunHas64RequestsUnlessToldOtherwise) {
  EXPECT_EQ(MeasureOptions({}).arrivals.max_requests, 64);
  EXPECT_EQ(MeasureOptions({.requests = 3}).arrivals.max_requests, 3);
  const ArrivalOptions timed =
      MeasureOptions({.duration = absl::Seconds(5)}).arrivals;
  EXPECT_EQ(timed.max_requests, std::nullopt);
  EXPECT_EQ(timed.duration, absl::Seconds(5));
}

TEST(LoadgenOptionsTest, AnOpenLoopHasMoreSenders) {
  EXPECT_EQ(MeasureOptions({}).concurrency, 8);
  EXPECT_EQ(MeasureOptions({.rate = 1}).concurrency, 256);
  EXPECT_EQ(MeasureOptions({.concurrency = 2, .rate = 1}).concurrency, 2);
}

TEST(LoadgenOptionsTest, WarmUpIsAClosedLoopOfOtherRequests) {
  const Flags flags{.rate = 2, .warm_up = 10};
  const ArrivalOptions warm_up = WarmUpOptions(flags).arrivals;
  EXPECT_EQ(warm_up.rate, std::nullopt);
  EXPECT_EQ(warm_up.max_requests, 10);
  EXPECT_EQ(MeasureOptions(flags).arrivals.first_index, 10);
}

TEST(LoadgenDescribeTest, ARunIsDescribedCompletely) {
  v1::ServerInfo server = ServerWithVocabulary(9);
  server.set_version("1.2.3");
  server.mutable_base_model()->set_name("tiny");
  const Json run = DescribeRun(server,
                               {.concurrency = 4,
                                .duration = absl::Seconds(30),
                                .warm_up = 5,
                                .timeout = absl::Milliseconds(1500),
                                .popularity = {Popularity::Kind::kZipf, 1.1}},
                               {"a", "b"});
  EXPECT_EQ(run["server_version"], "1.2.3");
  EXPECT_EQ(run["model"], "tiny");
  EXPECT_EQ(run["concurrency"], 4);
  EXPECT_TRUE(run["rate"].is_null());
  EXPECT_TRUE(run["requests"].is_null());
  EXPECT_EQ(run["duration_seconds"], 30.0);
  EXPECT_EQ(run["warm_up"], 5);
  EXPECT_EQ(run["timeout_seconds"], 1.5);
  EXPECT_EQ(run["popularity"], "zipf:1.1");
  EXPECT_EQ(run["adapters"], Json({"a", "b"}));
  EXPECT_EQ(run["prompt_tokens"], 128);
  EXPECT_EQ(run["path"], "AUTO");
}

TEST(LoadgenDescribeTest, DefaultsAreWrittenOut) {
  const Json run = DescribeRun({}, {.prompt_file = "p.txt"}, {});
  EXPECT_EQ(run["requests"], 64);
  EXPECT_EQ(run["concurrency"], 8);
  EXPECT_TRUE(run["duration_seconds"].is_null());
  EXPECT_TRUE(run["timeout_seconds"].is_null());
  EXPECT_EQ(run["popularity"], "uniform");
  EXPECT_EQ(run["adapters"], Json::array());
  EXPECT_TRUE(run["prompt_tokens"].is_null());
}

}  // namespace
}  // namespace lora::loadgen
