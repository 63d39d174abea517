// SPDX-License-Identifier: Apache-2.0
// Subcommands that manage adapters.
#include <csignal>
#include <string>

#include "tests/unit/client/lora_admin_test_util.h"

namespace lora {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;
using LoraAdminAdapterTest = LoraAdminTest;

TEST_F(LoraAdminAdapterTest, LoadSaysWhatWasLoaded) {
  StartReadyServer();
  EXPECT_THAT(Succeed({"load", "sql", "/adapters/sql"}),
              StartsWith("loaded sql: rank 8, 2.0 KiB on the device"));
}

TEST_F(LoraAdminAdapterTest, LoadPassesEveryFlagOn) {
  StartReadyServer();
  const std::string sha256(64, 'a');
  Succeed({"load", "sql", "/adapters/sql", "--replace", "--pin", "--label",
           "team=data", "--label", "stage=prod", "--warm-tier", "host",
           "--sha256", sha256, "--alpha", "16.5", "--strict-base",
           "--skip-untargeted"});
  const LoadAdapterSpec spec = plane_.last_load();
  EXPECT_EQ(spec.id.value(), "sql");
  EXPECT_EQ(spec.source, "/adapters/sql");
  EXPECT_EQ(spec.sha256, sha256);
  EXPECT_TRUE(spec.replace);
  EXPECT_EQ(spec.pinned, true);
  EXPECT_EQ(spec.warm_tier, WarmTier::kHost);
  EXPECT_THAT(*spec.labels, UnorderedElementsAre(Pair("team", "data"),
                                                 Pair("stage", "prod")));
  EXPECT_EQ(spec.options.alpha, 16.5);
  EXPECT_TRUE(spec.options.strict_base);
  EXPECT_TRUE(spec.options.skip_untargeted);
}

TEST_F(LoraAdminAdapterTest, LoadLeavesToTheServerWhatIsNotSaid) {
  StartReadyServer();
  Load("sql");
  const LoadAdapterSpec spec = plane_.last_load();
  EXPECT_FALSE(spec.replace);
  EXPECT_EQ(spec.pinned, std::nullopt);
  EXPECT_EQ(spec.warm_tier, std::nullopt);
  EXPECT_EQ(spec.labels, std::nullopt);
  EXPECT_EQ(spec.options.alpha, std::nullopt);
  EXPECT_FALSE(spec.options.strict_base);
  EXPECT_FALSE(spec.options.skip_untargeted);
}

TEST_F(LoraAdminAdapterTest, ArgumentsMayFollowFlags) {
  StartReadyServer();
  Succeed({"load", "--label", "a=1", "sql", "/adapters/sql", "--pin"});
  EXPECT_THAT(*plane_.last_load().labels, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(plane_.last_load().pinned, true);
  Succeed({"load", "--label", "a=1", "new", "--label", "b=2", "/adapters/new"});
  EXPECT_EQ(plane_.last_load().id.value(), "new");
  EXPECT_THAT(*plane_.last_load().labels,
              ElementsAre(Pair("a", "1"), Pair("b", "2")));
  Succeed({"update", "--label", "c=3", "sql", "--pin"});
  Succeed({"merge", "--pin", "sql", "new=0.5"});
  Succeed({"unload", "--drain-timeout", "1s", "sql", "--force"});
}

TEST_F(LoraAdminAdapterTest, AnAdapterMayBeCalledLikeACommand) {
  StartReadyServer();
  for (const char* command : kAdminCommands) {
    Load(command);
    Succeed({"get", command});
    Succeed({"unload", command});
  }
}

TEST_F(LoraAdminAdapterTest, LoadReplacesOnlyWhenTold) {
  StartReadyServer();
  Load("sql");
  const ProgramResult refused = Run({"load", "sql", "/adapters/new"});
  EXPECT_EQ(refused.exit_code, kRefused);
  EXPECT_THAT(refused.err,
              StartsWith("error: ALREADY_EXISTS (ADAPTER_EXISTS): "));
  Succeed({"load", "sql", "/adapters/new", "--replace"});
  EXPECT_EQ(SucceedWithJson({"get", "sql"})["source"], "/adapters/new");
}

TEST_F(LoraAdminAdapterTest, LoadShowsItsProgress) {
  StartReadyServer();
  plane_.HoldLoads();
  Program load(
      CommandLine({"load", "sql", "/adapters/sql", "--progress", "always"}),
      Program::Output::kStderr);
  plane_.WaitForHeldLoad();
  plane_.WaitForWatches(1);
  AdapterInfo info;
  info.id = AdapterId("sql");
  info.source = "/adapters/sql";
  info.pending = PendingVersion{.progress = 0.4};
  plane_.Put(info);
  EXPECT_TRUE(load.WaitForLine("loading sql  40%").has_value());
  plane_.FinishLoads();
  EXPECT_EQ(load.Wait(), kOk);
}

TEST_F(LoraAdminAdapterTest, UnloadSaysWhatItFreed) {
  StartReadyServer();
  Load("sql");
  EXPECT_EQ(Succeed({"unload", "sql", "--drain-timeout", "1m30s"}),
            "unloaded sql: freed 2.0 KiB device, 1000 B host, 0 B merged\n");
  EXPECT_EQ(plane_.last_unload().drain_timeout, absl::Seconds(90));
  EXPECT_FALSE(plane_.last_unload().force);
}

TEST_F(LoraAdminAdapterTest, UnloadByForceSaysWhatItEnded) {
  StartReadyServer();
  AdapterInfo info;
  info.id = AdapterId("busy");
  info.inflight_requests = 2;
  plane_.Put(info);
  EXPECT_EQ(Run({"unload", "busy"}).exit_code, kRefused);
  EXPECT_THAT(Succeed({"unload", "busy", "--force"}),
              EndsWith("; ended 2 requests\n"));
}

TEST_F(LoraAdminAdapterTest, UpdateChangesWhatIsNamed) {
  StartReadyServer();
  Succeed({"load", "sql", "/adapters/sql", "--label", "a=1"});
  Json adapter = SucceedWithJson({"update", "sql", "--pin"});
  EXPECT_EQ(adapter["pinned"], true);
  EXPECT_EQ(adapter["labels"]["a"], "1");
  adapter = SucceedWithJson({"update", "sql", "--unpin", "--label", "b=2"});
  EXPECT_EQ(adapter["pinned"], false);
  EXPECT_EQ(adapter["labels"], Json({{"b", "2"}}));
  adapter = SucceedWithJson({"update", "sql", "--clear-labels"});
  EXPECT_THAT(adapter["labels"], IsEmpty());
}

TEST_F(LoraAdminAdapterTest, ListIsATable) {
  StartReadyServer();
  Load("b");
  Load("long-adapter-name");
  EXPECT_EQ(Succeed({"list"}),
            "ID                 STATE  TIER    RANK  DEVICE   PINNED  MERGED  "
            "INFLIGHT  REQUESTS\n"
            "b                  READY  DEVICE  8     2.0 KiB  -       -       "
            "0         0\n"
            "long-adapter-name  READY  DEVICE  8     2.0 KiB  -       -       "
            "0         0\n");
}

TEST_F(LoraAdminAdapterTest, ListFiltersAndAsksForLargePages) {
  StartReadyServer();
  Load("sql-1");
  Load("sql-2");
  Load("text");
  const Json list = SucceedWithJson({"list", "--filter", "id=sql*"});
  ASSERT_EQ(list["adapters"].size(), 2);
  EXPECT_EQ(list["adapters"][0]["adapter_id"], "sql-1");
  EXPECT_EQ(plane_.last_page_size(), 1000);
}

TEST_F(LoraAdminAdapterTest, AnEmptyListIsStillADocument) {
  StartReadyServer();
  EXPECT_EQ(SucceedWithJson({"list"})["adapters"], Json::array());
  EXPECT_THAT(Succeed({"list"}), StartsWith("ID  STATE"));
}

TEST_F(LoraAdminAdapterTest, GetShowsEverything) {
  StartReadyServer();
  Load("sql");
  EXPECT_THAT(Succeed({"get", "sql"}),
              AllOf(HasSubstr("id             sql\n"),
                    HasSubstr("state          READY\n"),
                    HasSubstr("modules        q_proj v_proj\n"),
                    HasSubstr("created        2023-11-14T22:13:20Z\n"),
                    HasSubstr("last used      -\n")));
}

TEST_F(LoraAdminAdapterTest, GetShowsTheVersionOnItsWayAndTheLastError) {
  StartReadyServer();
  AdapterInfo info;
  info.id = AdapterId("sql");
  info.state = AdapterState::kReady;
  info.pending = PendingVersion{.progress = 0.25};
  info.error = absl::NotFoundError("no files");
  plane_.Put(info);
  EXPECT_THAT(Succeed({"get", "sql"}),
              AllOf(HasSubstr("READY, LOADING 25%"), HasSubstr("no files")));
}

TEST_F(LoraAdminAdapterTest, WatchPrintsOneLineAnEvent) {
  StartReadyServer();
  Load("sql");
  Program watch(CommandLine({"watch", "-o", "json"}), Program::Output::kStdout);
  const auto snapshot = watch.WaitForLine("SNAPSHOT");
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_EQ(Json::parse(*snapshot)["adapter"]["adapter_id"], "sql");
  plane_.Unload({.id = AdapterId("sql")}, [](auto) {});
  const auto removed = watch.WaitForLine("REMOVED");
  ASSERT_TRUE(removed.has_value());
  EXPECT_EQ(Json::parse(*removed)["type"], "REMOVED");
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 128 + SIGINT);
}

TEST_F(LoraAdminAdapterTest, WatchShowsOneAdapterIfAskedTo) {
  StartReadyServer();
  Load("other");
  Program watch(CommandLine({"watch", "sql"}), Program::Output::kStdout);
  ASSERT_TRUE(watch.WaitForLine("EVENT").has_value());
  plane_.WaitForWatches(1);
  Load("sql");
  EXPECT_TRUE(watch.WaitForLine("sql").has_value());
  EXPECT_THAT(watch.output(), ::testing::Not(HasSubstr("other")));
}

TEST_F(LoraAdminAdapterTest, ValidateShowsWhatLoadWouldFind) {
  StartReadyServer();
  EXPECT_EQ(Succeed({"validate", "/adapters/sql"}),
            "/adapters/sql: valid, LORA of rank 8, 2.0 KiB on the device\n");
  plane_.FailSource("/broken", Error(absl::StatusCode::kInvalidArgument,
                                     ErrorReason::kNonFinite, "NaN in q_proj"));
  const ProgramResult broken = Run({"validate", "/broken"});
  EXPECT_EQ(broken.exit_code, kRefused);
  EXPECT_EQ(broken.err,
            "error: INVALID_ARGUMENT (NON_FINITE): NaN in q_proj\n");
}

TEST_F(LoraAdminAdapterTest, ValidatePassesEveryFlagOn) {
  StartReadyServer();
  Succeed({"validate", "/adapters/sql", "--alpha", "16.5", "--strict-base",
           "--skip-untargeted"});
  const AdapterLoadOptions options = plane_.last_validation();
  EXPECT_EQ(options.alpha, 16.5);
  EXPECT_TRUE(options.strict_base);
  EXPECT_TRUE(options.skip_untargeted);
}

TEST_F(LoraAdminAdapterTest, MergedCopiesComeAndGo) {
  StartReadyServer();
  EXPECT_THAT(Succeed({"merge", "a=0.5", "b", "--pin"}),
              StartsWith("merged a=0.5 b as a*0.5+b*1: 2.0 KiB, built in "
                         "0.005s, deviates by at most 1.0e-06"));
  EXPECT_THAT(Succeed({"list", "--merged"}),
              HasSubstr("a*0.5+b*1  a=0.5 b     2.0 KiB  yes"));
  EXPECT_EQ(Succeed({"unmerge", "a*0.5+b*1"}), "unmerged: freed 2.0 KiB\n");
  Succeed({"merge", "a=0.5", "b"});
  EXPECT_EQ(Succeed({"unmerge", "--component", "a=0.5", "--component", "b"}),
            "unmerged: freed 2.0 KiB\n");
  EXPECT_THAT(Run({"unmerge", "a*0.5+b*1"}).err,
              StartsWith("error: NOT_FOUND (NOT_MERGED): "));
}

}  // namespace
}  // namespace lora
