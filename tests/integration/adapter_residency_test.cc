// SPDX-License-Identifier: Apache-2.0
// Where adapters are, and that it makes no difference to their answers.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/running_request.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"

namespace lora {
namespace {

using ::testing::Contains;
using ::testing::Le;

constexpr int kNumWords = 10;

class AdapterResidencyTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& flags) {
    ASSERT_OK_AND_ASSIGN(server_, ServerProcess::Start({.flags = flags}));
  }
  Client& client() { return server_->client(); }

  v1::AdapterTier TierOf(const std::string& id) {
    const auto adapter = client().GetAdapter(GetRequest(id));
    EXPECT_OK(adapter);
    return adapter.ok() ? adapter->tier() : v1::ADAPTER_TIER_UNSPECIFIED;
  }
  // What the largest adapter takes on the device.
  int64_t LargestDeviceBytes() {
    int64_t largest = 0;
    for (const std::string& skill : Skills::Get().names()) {
      const auto adapter =
          client().ValidateAdapter(ValidateRequest(Skills::Source(skill)));
      EXPECT_OK(adapter);
      if (adapter.ok()) largest = std::max(largest, adapter->device_bytes());
    }
    return largest;
  }
  void Pin(const std::string& id, bool pinned) {
    v1::UpdateAdapterRequest update;
    update.set_adapter_id(id);
    update.mutable_update_mask()->add_paths("pinned");
    update.set_pinned(pinned);
    EXPECT_OK(client().UpdateAdapter(update));
  }
  // All skills at once about one word after the other. Returns the tiers that
  // requests found their adapters in.
  std::vector<v1::AdapterTier> ExpectRightAnswers() {
    std::vector<v1::AdapterTier> tiers;
    for (int i = 0; i < kNumWords; ++i) {
      const std::string& word = Skills::Get().words()[i];
      std::vector<v1::GenerateRequest> requests;
      for (const std::string& skill : Skills::Get().names()) {
        requests.push_back(Ask(word, skill));
      }
      const auto answers = GenerateAtOnce(client(), requests);
      for (size_t j = 0; j < answers.size(); ++j) {
        const std::string& skill = Skills::Get().names()[j];
        EXPECT_OK(answers[j]);
        if (!answers[j].ok()) continue;
        EXPECT_EQ(answers[j]->text(), Skills::Get().Answer(word, skill));
        tiers.push_back(answers[j]->provenance().adapters(0).tier_found());
      }
    }
    return tiers;
  }

  std::unique_ptr<ServerProcess> server_;
};

TEST_F(AdapterResidencyTest, AdaptersOfAFolderAreReadWhenTheyAreFirstUsed) {
  Start({"--adapter-dir", "examples/skills/adapters"});
  ASSERT_OK_AND_ASSIGN(const auto list, client().ListAdapters({}));
  std::vector<std::string> ids;
  for (const v1::Adapter& adapter : list.adapters()) {
    ids.push_back(adapter.adapter_id());
    EXPECT_EQ(adapter.state(), v1::ADAPTER_STATE_READY);
    EXPECT_EQ(adapter.tier(), v1::ADAPTER_TIER_DISK);
  }
  EXPECT_THAT(ids, ::testing::UnorderedElementsAreArray(Skills::Get().names()));
  ASSERT_OK_AND_ASSIGN(const v1::ServerInfo info, client().GetServerInfo());
  EXPECT_EQ(info.device_memory().used_bytes(), 0);

  const std::string& word = Skills::Get().words()[0];
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse first,
                       client().GenerateText(Ask(word, "upper")));
  EXPECT_EQ(first.text(), Skills::Get().Answer(word, "upper"));
  EXPECT_EQ(TierOf("upper"), v1::ADAPTER_TIER_DEVICE);
  EXPECT_EQ(TierOf("reverse"), v1::ADAPTER_TIER_DISK);
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse second,
                       client().GenerateText(Ask(word, "upper")));
  EXPECT_EQ(second.provenance().adapters(0).tier_found(),
            v1::ADAPTER_TIER_DEVICE);
  ExpectRightAnswers();
}

TEST_F(AdapterResidencyTest, AnAdapterNamedAtStartNeedsNoRoot) {
  ASSERT_OK_AND_ASSIGN(
      server_,
      ServerProcess::Start(
          {.adapter_root = "",
           .flags = {"--adapter",
                     absl::StrCat("caps=", Skills::Source("upper"))}}));
  const std::string& word = Skills::Get().words()[0];
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client().GenerateText(Ask(word, "caps")));
  EXPECT_EQ(answer.text(), Skills::Get().Answer(word, "upper"));
  EXPECT_THAT(client().LoadAdapter(LoadRequest("other", "reverse")),
              Refused(absl::StatusCode::kPermissionDenied, "PATH"));
}

TEST_F(AdapterResidencyTest, MoreAdaptersThanFitAnswerAtOnce) {
  Start({});
  const int64_t budget = 2 * LargestDeviceBytes();
  for (const char* path : {"unmerged", "auto"}) {
    Start({"--adapter-dir", "examples/skills/adapters", "--auto-path", path,
           "--device-memory", absl::StrCat(budget)});
    EXPECT_THAT(ExpectRightAnswers(), Contains(v1::ADAPTER_TIER_DISK));
    ASSERT_OK_AND_ASSIGN(const v1::ServerInfo info, client().GetServerInfo());
    EXPECT_EQ(info.device_memory().capacity_bytes(), budget);
    EXPECT_THAT(info.device_memory().used_bytes(), Le(budget));
  }
}

TEST_F(AdapterResidencyTest, APinnedAdapterStaysWhileOthersComeAndGo) {
  Start({});
  Start({"--adapter-dir", "examples/skills/adapters", "--device-memory",
         absl::StrCat(3 * LargestDeviceBytes())});
  Pin("rot13", true);
  EXPECT_TRUE(server_->WaitUntilAdapter("rot13", [](const auto& adapter) {
    return adapter.tier() == v1::ADAPTER_TIER_DEVICE;
  }));
  const std::string& word = Skills::Get().words()[0];
  for (const std::string& skill : Skills::Get().names()) {
    ASSERT_OK(client().GenerateText(Ask(word, skill)));
    EXPECT_EQ(TierOf("rot13"), v1::ADAPTER_TIER_DEVICE);
  }
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client().GenerateText(Ask(word, "rot13")));
  EXPECT_EQ(answer.provenance().adapters(0).tier_found(),
            v1::ADAPTER_TIER_DEVICE);

  Pin("rot13", false);
  for (const std::string& skill : Skills::Get().names()) {
    if (skill == "rot13") continue;
    ASSERT_OK(client().GenerateText(Ask(word, skill)));
  }
  EXPECT_EQ(TierOf("rot13"), v1::ADAPTER_TIER_DISK);
}

TEST_F(AdapterResidencyTest, AWarmAdapterWaitsInHostMemory) {
  Start({});
  Start({"--adapter-dir", "examples/skills/adapters", "--device-memory",
         absl::StrCat(LargestDeviceBytes())});
  v1::UpdateAdapterRequest update;
  update.set_adapter_id("rot13");
  update.mutable_update_mask()->add_paths("warm_tier");
  update.set_warm_tier(v1::ADAPTER_TIER_HOST);
  ASSERT_OK(client().UpdateAdapter(update));
  const std::string& word = Skills::Get().words()[0];
  ASSERT_OK(client().GenerateText(Ask(word, "rot13")));
  ASSERT_OK(client().GenerateText(Ask(word, "alternate")));
  EXPECT_EQ(TierOf("rot13"), v1::ADAPTER_TIER_HOST);
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client().GenerateText(Ask(word, "rot13")));
  EXPECT_EQ(answer.provenance().adapters(0).tier_found(),
            v1::ADAPTER_TIER_HOST);
  EXPECT_EQ(answer.text(), Skills::Get().Answer(word, "rot13"));
}

}  // namespace
}  // namespace lora
