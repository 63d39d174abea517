// SPDX-License-Identifier: Apache-2.0
// The life of adapters on the real server while requests run.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/long_context_model.h"
#include "tests/support/running_request.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;

// With one sequence at a time: while a request of the base runs, others hold
// their adapters in the queue for as long as a test needs.
class AdapterTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({"--max-running", "1"}); }
  void Start(const std::vector<std::string>& flags) {
    ASSERT_OK_AND_ASSIGN(server_, ServerProcess::Start({.model = model_.path(),
                                                        .flags = flags}));
  }
  Client& client() { return server_->client(); }

  v1::Adapter Get(const std::string& id) {
    const auto adapter = client().GetAdapter(GetRequest(id));
    EXPECT_OK(adapter);
    return adapter.ok() ? *adapter : v1::Adapter();
  }
  bool WaitUntilInflight(const std::string& id, int64_t count) {
    return server_->WaitUntilAdapter(id, [count](const auto& adapter) {
      return adapter.inflight_requests() == count;
    });
  }
  std::string Answer(const std::string& skill) const {
    return Skills::Get().Answer(word_, skill);
  }

  const LongContextModel model_;
  const std::string word_ = Skills::Get().words()[6];
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(AdapterTest, ALoadedAdapterIsDescribed) {
  v1::LoadAdapterRequest load = LoadRequest("pig", "piglatin");
  load.set_pinned(true);
  load.set_warm_tier(v1::ADAPTER_TIER_HOST);
  (*load.mutable_labels())["team"] = "data";
  ASSERT_OK_AND_ASSIGN(const v1::Adapter adapter, client().LoadAdapter(load));
  EXPECT_EQ(adapter.adapter_id(), "pig");
  EXPECT_EQ(adapter.digest().size(), 64);
  EXPECT_EQ(adapter.state(), v1::ADAPTER_STATE_READY);
  EXPECT_EQ(adapter.tier(), v1::ADAPTER_TIER_DEVICE);
  EXPECT_EQ(adapter.kind(), "LORA");
  EXPECT_EQ(adapter.format(), "PEFT");
  EXPECT_EQ(adapter.rank(), 8);
  EXPECT_THAT(adapter.target_modules(),
              ElementsAre("k_proj", "o_proj", "q_proj", "v_proj"));
  EXPECT_GT(adapter.device_bytes(), 0);
  EXPECT_GT(adapter.host_bytes(), 0);
  EXPECT_TRUE(adapter.pinned());
  EXPECT_EQ(adapter.labels().at("team"), "data");
  EXPECT_FALSE(adapter.has_pending());
  EXPECT_EQ(Get("pig").SerializeAsString(), adapter.SerializeAsString());
}

TEST_F(AdapterTest, ValidateDescribesAnAdapterAndKeepsNothing) {
  ASSERT_OK_AND_ASSIGN(
      const v1::Adapter valid,
      client().ValidateAdapter(ValidateRequest(Skills::Source("upper"))));
  EXPECT_EQ(valid.rank(), 2);
  EXPECT_GT(valid.device_bytes(), 0);
  ASSERT_OK_AND_ASSIGN(const auto list, client().ListAdapters({}));
  EXPECT_EQ(list.adapters_size(), 0);
  ASSERT_OK_AND_ASSIGN(const v1::ServerInfo info, client().GetServerInfo());
  EXPECT_EQ(info.host_memory().used_bytes(), 0);
  EXPECT_EQ(info.device_memory().used_bytes(), 0);
  ASSERT_OK_AND_ASSIGN(const v1::Adapter loaded,
                       client().LoadAdapter(LoadRequest("upper", "upper")));
  EXPECT_EQ(valid.digest(), loaded.digest());
  EXPECT_EQ(valid.device_bytes(), loaded.device_bytes());
}

TEST_F(AdapterTest, AReplacedAdapterFinishesWhatItHasAndTakesNothingNew) {
  ASSERT_OK_AND_ASSIGN(const v1::Adapter first,
                       client().LoadAdapter(LoadRequest("live", "upper")));
  RunningRequest holder(client(), AskForever());
  ASSERT_TRUE(holder.WaitUntilRunning());
  RunningRequest old_request(client(), Ask(word_, "live"));
  ASSERT_TRUE(WaitUntilInflight("live", 1));
  ASSERT_OK_AND_ASSIGN(const v1::Adapter second,
                       client().LoadAdapter(ReplaceRequest("live", "rot13")));
  EXPECT_NE(second.digest(), first.digest());
  RunningRequest new_request(client(), Ask(word_, "live"));
  ASSERT_TRUE(WaitUntilInflight("live", 2));

  holder.Cancel();
  const EndedRequest old_answer = old_request.Wait();
  EXPECT_EQ(old_answer.text, Answer("upper"));
  EXPECT_EQ(old_answer.last.provenance().adapters(0).digest(), first.digest());
  const EndedRequest new_answer = new_request.Wait();
  EXPECT_EQ(new_answer.text, Answer("rot13"));
  EXPECT_EQ(new_answer.last.provenance().adapters(0).digest(), second.digest());
  // The last user gone, so is the old version.
  EXPECT_TRUE(server_->WaitUntil([&](const v1::ServerInfo& info) {
    return info.device_memory().used_bytes() == second.device_bytes();
  }));
}

TEST_F(AdapterTest, ARunningAnswerGoesOnWhileItsAdapterIsReplaced) {
  ASSERT_OK(client().LoadAdapter(LoadRequest("live", "upper")));
  RunningRequest running(client(), AskForever("live"));
  ASSERT_TRUE(running.WaitUntilRunning());
  for (const char* skill : {"rot13", "dash", "upper", "reverse"}) {
    ASSERT_OK(client().LoadAdapter(ReplaceRequest("live", skill)));
    EXPECT_TRUE(running.WaitForNextMessage());
  }
  EXPECT_EQ(Get("live").inflight_requests(), 1);
  running.Cancel();
  EXPECT_THAT(running.Wait().status, StatusIs(absl::StatusCode::kCancelled));
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client().GenerateText(Ask(word_, "live")));
  EXPECT_EQ(answer.text(), Answer("reverse"));
}

TEST_F(AdapterTest, AnUnloadWaitsForItsRequestsAndRefusesNewOnes) {
  ASSERT_OK_AND_ASSIGN(const v1::Adapter loaded,
                       client().LoadAdapter(LoadRequest("caps", "upper")));
  RunningRequest running(client(), AskForever("caps"));
  ASSERT_TRUE(running.WaitUntilRunning());
  auto unload = std::async(std::launch::async, [this] {
    return client().UnloadAdapter(UnloadRequest("caps", absl::Hours(1)));
  });
  ASSERT_TRUE(server_->WaitUntilAdapter("caps", [](const auto& adapter) {
    return adapter.state() == v1::ADAPTER_STATE_DRAINING;
  }));
  EXPECT_THAT(client().GenerateText(Ask(word_, "caps")),
              Refused(absl::StatusCode::kFailedPrecondition, "STATE"));
  EXPECT_THAT(client().LoadAdapter(LoadRequest("caps", "upper")),
              Refused(absl::StatusCode::kFailedPrecondition, "STATE"));
  EXPECT_TRUE(running.WaitForNextMessage());

  running.Cancel();
  ASSERT_OK_AND_ASSIGN(const v1::UnloadAdapterResponse unloaded, unload.get());
  EXPECT_EQ(unloaded.cancelled_requests(), 0);
  EXPECT_EQ(unloaded.freed_device_bytes(), loaded.device_bytes());
  EXPECT_THAT(client().GetAdapter(GetRequest("caps")),
              Refused(absl::StatusCode::kNotFound, "ADAPTER"));
}

TEST_F(AdapterTest, AnUnloadThatTakesTooLongLeavesTheAdapterAsItWas) {
  ASSERT_OK(client().LoadAdapter(LoadRequest("caps", "upper")));
  RunningRequest running(client(), AskForever("caps"));
  ASSERT_TRUE(running.WaitUntilRunning());
  EXPECT_THAT(
      client().UnloadAdapter(UnloadRequest("caps", absl::Milliseconds(20))),
      Refused(absl::StatusCode::kDeadlineExceeded, "IN_USE"));
  EXPECT_EQ(Get("caps").state(), v1::ADAPTER_STATE_READY);
  EXPECT_TRUE(running.WaitForNextMessage());
  running.Cancel();
  running.Wait();
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client().GenerateText(Ask(word_, "caps")));
  EXPECT_EQ(answer.text(), Answer("upper"));
}

TEST_F(AdapterTest, AnUnloadByForceEndsItsRequests) {
  ASSERT_OK(client().LoadAdapter(LoadRequest("caps", "upper")));
  RunningRequest running(client(), AskForever("caps"));
  ASSERT_TRUE(running.WaitUntilRunning());
  RunningRequest queued(client(), AskForever("caps"));
  ASSERT_TRUE(WaitUntilInflight("caps", 2));
  v1::UnloadAdapterRequest request =
      UnloadRequest("caps", absl::ZeroDuration());
  request.set_force(true);
  ASSERT_OK_AND_ASSIGN(const v1::UnloadAdapterResponse unloaded,
                       client().UnloadAdapter(request));
  EXPECT_EQ(unloaded.cancelled_requests(), 2);
  for (RunningRequest* ended : {&running, &queued}) {
    EXPECT_THAT(ended->Wait().status,
                Refused(absl::StatusCode::kAborted, "ABORTED"));
  }
  EXPECT_TRUE(server_->WaitUntil([](const v1::ServerInfo& info) {
    return info.kv_memory().used_bytes() == 0 &&
           info.device_memory().used_bytes() == 0;
  }));
}

// What WatchAdapters says, as it comes.
class AdapterWatch {
 public:
  explicit AdapterWatch(Client& client)
      : done_(std::async(std::launch::async, [this, &client] {
          return client.WatchAdapters(
              [this](const v1::AdapterEvent& event) {
                const std::lock_guard<std::mutex> lock(mu_);
                events_.push_back(event);
                changed_.notify_all();
                return StreamAction::kContinue;
              },
              {.canceller = &canceller_});
        })) {}
  ~AdapterWatch() {
    canceller_.Cancel();
    done_.wait();
  }

  // Waits for an event that `matches`; after a minute the test has failed.
  v1::AdapterEvent WaitFor(
      const std::function<bool(const v1::AdapterEvent&)>& matches) {
    std::unique_lock<std::mutex> lock(mu_);
    for (size_t i = 0;; ++i) {
      if (!changed_.wait_for(lock, std::chrono::minutes(1),
                             [&] { return i < events_.size(); })) {
        ADD_FAILURE() << "no such event";
        return {};
      }
      if (matches(events_[i])) return events_[i];
    }
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<v1::AdapterEvent> events_;
  CallCanceller canceller_;
  std::future<absl::Status> done_;
};

TEST_F(AdapterTest, AWatchShowsWhatThereIsAndWhatChanges) {
  ASSERT_OK(client().LoadAdapter(LoadRequest("there", "dash")));
  AdapterWatch watch(client());
  const v1::AdapterEvent snapshot =
      watch.WaitFor([](const v1::AdapterEvent&) { return true; });
  EXPECT_EQ(snapshot.type(), v1::AdapterEvent::SNAPSHOT);
  EXPECT_EQ(snapshot.adapter().adapter_id(), "there");

  const auto is = [](const char* id, v1::AdapterState state) {
    return [id, state](const v1::AdapterEvent& event) {
      return event.type() == v1::AdapterEvent::UPDATED &&
             event.adapter().adapter_id() == id &&
             event.adapter().state() == state;
    };
  };
  ASSERT_OK(client().LoadAdapter(LoadRequest("caps", "upper")));
  watch.WaitFor(is("caps", v1::ADAPTER_STATE_READY));
  v1::UpdateAdapterRequest update;
  update.set_adapter_id("caps");
  update.mutable_update_mask()->add_paths("labels");
  (*update.mutable_labels())["team"] = "data";
  ASSERT_OK(client().UpdateAdapter(update));
  watch.WaitFor([](const v1::AdapterEvent& event) {
    return event.adapter().labels().contains("team");
  });

  RunningRequest running(client(), AskForever("caps"));
  ASSERT_TRUE(running.WaitUntilRunning());
  auto unload = std::async(std::launch::async, [this] {
    return client().UnloadAdapter(UnloadRequest("caps")).status();
  });
  watch.WaitFor(is("caps", v1::ADAPTER_STATE_DRAINING));
  running.Cancel();
  EXPECT_OK(unload.get());
  const v1::AdapterEvent removed =
      watch.WaitFor([](const v1::AdapterEvent& event) {
        return event.type() == v1::AdapterEvent::REMOVED;
      });
  EXPECT_EQ(removed.adapter().adapter_id(), "caps");
}

TEST_F(AdapterTest, ALoadThatWaitsForRoomShowsHowFarItIs) {
  ASSERT_OK_AND_ASSIGN(const v1::Adapter first,
                       client().LoadAdapter(LoadRequest("first", "cipher")));
  Start({"--device-memory", std::to_string(first.device_bytes())});
  ASSERT_OK(client().LoadAdapter(LoadRequest("first", "cipher")));
  RunningRequest holder(client(), AskForever("first"));
  ASSERT_TRUE(holder.WaitUntilRunning());
  AdapterWatch watch(client());
  auto load = std::async(std::launch::async, [this] {
    return client().LoadAdapter(LoadRequest("second", "upper"));
  });
  // Read, and not yet on the device: `first` must go before.
  const v1::AdapterEvent loading =
      watch.WaitFor([](const v1::AdapterEvent& event) {
        return !event.adapter().pending().digest().empty();
      });
  EXPECT_EQ(loading.adapter().adapter_id(), "second");
  EXPECT_EQ(loading.adapter().state(), v1::ADAPTER_STATE_LOADING);
  EXPECT_EQ(loading.adapter().pending().state(), v1::ADAPTER_STATE_LOADING);
  EXPECT_THAT(loading.adapter().pending().progress(), Gt(0));
  // A request for it waits with it.
  RunningRequest waiting(client(), Ask(word_, "second"));
  holder.Cancel();
  ASSERT_OK_AND_ASSIGN(const v1::Adapter second, load.get());
  EXPECT_EQ(second.state(), v1::ADAPTER_STATE_READY);
  EXPECT_EQ(second.tier(), v1::ADAPTER_TIER_DEVICE);
  EXPECT_EQ(waiting.Wait().text, Answer("upper"));
}

}  // namespace
}  // namespace lora
