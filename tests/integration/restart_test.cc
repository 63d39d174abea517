// SPDX-License-Identifier: Apache-2.0
// What is left of the adapters after kill -9, with --state-dir.
#include <csignal>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/long_context_model.h"
#include "tests/support/running_request.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int kKilled = 128 + SIGKILL;
constexpr int kNumClients = 4;

class RestartTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--state-dir", state_.string()});
    ASSERT_OK_AND_ASSIGN(
        server_, ServerProcess::Start({.model = model_, .flags = flags}));
  }
  void Kill() {
    server_->program().Signal(SIGKILL);
    ASSERT_EQ(server_->program().Wait(), kKilled);
  }
  Client& client() { return server_->client(); }

  std::map<std::string, v1::Adapter> List() {
    std::map<std::string, v1::Adapter> adapters;
    const auto list = client().ListAdapters({});
    EXPECT_OK(list);
    if (!list.ok()) return adapters;
    for (const v1::Adapter& adapter : list->adapters()) {
      adapters[adapter.adapter_id()] = adapter;
    }
    return adapters;
  }
  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    for (const auto& [id, adapter] : List()) ids.push_back(id);
    return ids;
  }
  void ExpectAnswers(const std::string& id, const std::string& skill) {
    const auto answer = client().GenerateText(Ask(word_, id));
    ASSERT_OK(answer);
    EXPECT_EQ(answer->text(), Skills::Get().Answer(word_, skill));
  }

  const TemporaryFolder state_;
  const std::string word_ = Skills::Get().words()[4];
  std::string model_ = "examples/skills/base";
  std::unique_ptr<ServerProcess> server_;
};

// Asks for `ids` again and again until the server is gone.
void AskUntilUnavailable(Client& client, const std::string& word,
                         const std::vector<std::string>& ids) {
  absl::Status status;
  for (size_t i = 0; !absl::IsUnavailable(status); ++i) {
    status = client.GenerateText(Ask(word, ids[i % ids.size()])).status();
  }
}

TEST_F(RestartTest, AdaptersAreBackAfterAKillDuringTraffic) {
  Start();
  v1::LoadAdapterRequest caps = LoadRequest("caps", "upper");
  caps.set_pinned(true);
  caps.set_warm_tier(v1::ADAPTER_TIER_HOST);
  (*caps.mutable_labels())["team"] = "data";
  (*caps.mutable_labels())["stage"] = "prod \"1\"";
  ASSERT_OK(client().LoadAdapter(caps));
  ASSERT_OK(client().LoadAdapter(LoadRequest("other", "reverse")));
  ASSERT_OK(client().LoadAdapter(ReplaceRequest("other", "rot13")));
  ASSERT_OK(client().LoadAdapter(LoadRequest("gone", "dash")));
  ASSERT_OK(client().UnloadAdapter(UnloadRequest("gone")));
  const std::map<std::string, v1::Adapter> before = List();
  {
    std::vector<std::thread> askers;
    for (int i = 0; i < kNumClients; ++i) {
      askers.emplace_back(AskUntilUnavailable, std::ref(client()), word_,
                          std::vector<std::string>{"caps", "other"});
    }
    ASSERT_TRUE(server_->WaitUntilAdapter("other", [](const auto& adapter) {
      return adapter.requests_total() > kNumClients;
    }));
    Kill();
    for (std::thread& asker : askers) asker.join();
  }

  Start();
  const std::map<std::string, v1::Adapter> after = List();
  EXPECT_THAT(Ids(), UnorderedElementsAre("caps", "other"));
  for (const auto& [id, adapter] : after) {
    const v1::Adapter& old = before.at(id);
    EXPECT_EQ(adapter.digest(), old.digest()) << id;
    EXPECT_EQ(adapter.source(), old.source()) << id;
    EXPECT_EQ(adapter.pinned(), old.pinned()) << id;
    EXPECT_EQ(adapter.warm_tier(), old.warm_tier()) << id;
    EXPECT_THAT((std::map(adapter.labels().begin(), adapter.labels().end())),
                ::testing::ContainerEq(
                    std::map(old.labels().begin(), old.labels().end())));
  }
  // Pinned: on the device again, though nobody has asked for it.
  EXPECT_TRUE(server_->WaitUntilAdapter("caps", [](const auto& adapter) {
    return adapter.tier() == v1::ADAPTER_TIER_DEVICE;
  }));
  ExpectAnswers("caps", "upper");
  ExpectAnswers("other", "rot13");
  EXPECT_EQ(List().at("other").digest(), before.at("other").digest());
}

TEST_F(RestartTest, AnAdapterWhoseFilesChangedMeanwhileIsNotServed) {
  const TemporaryFolder root;
  const auto copy_skill = [&root](const std::string& skill) {
    std::filesystem::copy(
        Skills::Source(skill), root.path() / "a",
        std::filesystem::copy_options::recursive |
            std::filesystem::copy_options::overwrite_existing);
  };
  const std::vector<std::string> flags = {"--adapter-root", root.string()};
  copy_skill("upper");
  Start(flags);
  const v1::LoadAdapterRequest load =
      LoadFromRequest("a", (root.path() / "a").string());
  ASSERT_OK(client().LoadAdapter(load));
  Kill();

  copy_skill("rot13");
  Start(flags);
  EXPECT_THAT(client().GenerateText(Ask(word_, "a")),
              Refused(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH"));
  v1::LoadAdapterRequest replace = load;
  replace.set_replace(true);
  ASSERT_OK(client().LoadAdapter(replace));
  ExpectAnswers("a", "rot13");
}

TEST_F(RestartTest, ALoadThatWasCutOffLeavesNothing) {
  // A load waits for room that a running request holds: it is surely cut off.
  const LongContextModel model;
  model_ = model.path();
  Start();
  ASSERT_OK_AND_ASSIGN(const v1::Adapter kept,
                       client().LoadAdapter(LoadRequest("kept", "alternate")));
  Kill();
  Start({"--device-memory", std::to_string(kept.device_bytes())});
  RunningRequest holder(client(), AskForever("kept"));
  ASSERT_TRUE(holder.WaitUntilRunning());
  const auto load = [this](const v1::LoadAdapterRequest& request) {
    return std::async(std::launch::async, [this, request] {
      return client().LoadAdapter(request).status();
    });
  };
  std::future<absl::Status> added = load(LoadRequest("new", "cipher"));
  std::future<absl::Status> replaced = load(ReplaceRequest("kept", "upper"));
  for (const char* id : {"new", "kept"}) {
    ASSERT_TRUE(server_->WaitUntilAdapter(id, [](const auto& adapter) {
      return !adapter.pending().digest().empty();
    }));
  }
  Kill();
  EXPECT_THAT(added.get(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(replaced.get(), StatusIs(absl::StatusCode::kUnavailable));

  Start();
  EXPECT_THAT(Ids(), UnorderedElementsAre("kept"));
  EXPECT_EQ(List().at("kept").digest(), kept.digest());
  ExpectAnswers("kept", "alternate");
  ASSERT_OK(client().LoadAdapter(LoadRequest("new", "cipher")));
  ExpectAnswers("new", "cipher");
}

// Loads, replaces and unloads one adapter until the server is gone.
class Changer {
 public:
  Changer(Client& client, const std::string& id) : client_(client), id_(id) {}

  void Run() {
    const std::vector<std::string>& skills = Skills::Get().names();
    for (size_t i = 0;; ++i) {
      wanted_ = i % 3 == 2 ? "" : skills[i % skills.size()];
      const absl::Status status =
          wanted_.empty()
              ? client_.UnloadAdapter(UnloadRequest(id_)).status()
              : client_.LoadAdapter(ReplaceRequest(id_, wanted_)).status();
      if (absl::IsUnavailable(status)) return;
      EXPECT_OK(status);
      confirmed_ = wanted_;
    }
  }

  // What it was told that the adapter is, and what it may have become since;
  // empty: nothing.
  const std::string& confirmed() const { return confirmed_; }
  const std::string& wanted() const { return wanted_; }

 private:
  Client& client_;
  const std::string id_;
  std::string confirmed_;
  std::string wanted_;
};

TEST_F(RestartTest, WhatWasConfirmedIsThereAfterAKillAtAnyMoment) {
  constexpr int kRounds = 6;
  for (int round = 0; round < kRounds; ++round) {
    Start();
    for (const std::string& id : Ids()) {
      ASSERT_OK(client().UnloadAdapter(UnloadRequest(id)));
    }
    ASSERT_OK(client().LoadAdapter(LoadRequest("marker", "dash")));
    Changer changer(client(), "a");
    std::thread thread([&changer] { changer.Run(); });
    // Another moment each time.
    for (int i = 0; i <= round; ++i) {
      EXPECT_OK(client().GenerateText(Ask(word_, "marker")));
    }
    Kill();
    thread.join();

    Start();
    const std::vector<std::string> ids = Ids();
    std::string found;  // Which skill the adapter has.
    if (ids.size() > 1) {
      const auto answer = client().GenerateText(Ask(word_, "a"));
      ASSERT_OK(answer);
      for (const std::string& skill : Skills::Get().names()) {
        if (answer->text() == Skills::Get().Answer(word_, skill)) found = skill;
      }
      EXPECT_FALSE(found.empty()) << answer->text();
    }
    EXPECT_THAT(found, ::testing::AnyOf(changer.confirmed(), changer.wanted()));
    ExpectAnswers("marker", "dash");
    Kill();
  }
}

}  // namespace
}  // namespace lora
