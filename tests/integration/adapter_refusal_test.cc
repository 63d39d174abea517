// SPDX-License-Identifier: Apache-2.0
// What the real server says to adapters that it cannot serve, and to callers
// that ask for the wrong thing.
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/adapter_requests.h"
#include "tests/support/server_process.h"
#include "tests/support/skills.h"
#include "tests/support/temporary_folder.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using Code = absl::StatusCode;
using Path = std::filesystem::path;

constexpr char kConfig[] = "adapter_config.json";
constexpr char kWeights[] = "adapter_model.safetensors";

std::string ReadWhole(const Path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteWhole(const Path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// Replaces text in a file; in weights, by text of the same length.
std::function<void(const Path&)> Edit(const char* file, const char* from,
                                      const char* to) {
  return [=](const Path& folder) {
    const std::string before = ReadWhole(folder / file);
    const std::string after = absl::StrReplaceAll(before, {{from, to}});
    ASSERT_NE(after, before) << from;
    WriteWhole(folder / file, after);
  };
}

std::function<void(const Path&)> Overwrite(const char* file,
                                           const std::string& content) {
  return [=](const Path& folder) { WriteWhole(folder / file, content); };
}

void TruncateWeights(const Path& folder) {
  const Path weights = folder / kWeights;
  std::filesystem::resize_file(weights,
                               std::filesystem::file_size(weights) - 8);
}

void PutNanIntoWeights(const Path& folder) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::string bytes = ReadWhole(folder / kWeights);
  bytes.replace(bytes.size() - sizeof(nan), sizeof(nan),
                reinterpret_cast<const char*>(&nan), sizeof(nan));
  WriteWhole(folder / kWeights, bytes);
}

void PickleWeights(const Path& folder) {
  std::filesystem::rename(folder / kWeights, folder / "adapter_model.bin");
}

// An adapter of the example, spoiled; and what the server says to it.
struct BadAdapter {
  const char* name;
  std::function<void(const Path&)> spoil;
  Code code;
  const char* reason;
};

const BadAdapter kBadAdapters[] = {
    {"EmptyFolder",
     [](const Path& folder) {
       std::filesystem::remove(folder / kConfig);
       std::filesystem::remove(folder / kWeights);
     },
     Code::kNotFound, "ADAPTER_FILES_MISSING"},
    {"NoWeights",
     [](const Path& folder) { std::filesystem::remove(folder / kWeights); },
     Code::kNotFound, "WEIGHTS_MISSING"},
    {"Pickle", PickleWeights, Code::kInvalidArgument, "PICKLE_REFUSED"},
    {"LfsPointer",
     Overwrite(kWeights,
               "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
     Code::kInvalidArgument, "LFS_POINTER"},
    {"ConfigIsNoJson", Overwrite(kConfig, "{"), Code::kInvalidArgument,
     "CONFIG_SYNTAX"},
    {"OtherMethod", Edit(kConfig, "\"LORA\"", "\"IA3\""), Code::kUnimplemented,
     "PEFT_TYPE"},
    {"RankOfZero", Edit(kConfig, "\"r\": 2", "\"r\": 0"),
     Code::kInvalidArgument, "RANK"},
    {"OtherRank", Edit(kConfig, "\"r\": 2", "\"r\": 4"), Code::kInvalidArgument,
     "RANK_MISMATCH"},
    {"BaseWasChanged",
     Edit(kConfig, "\"init_lora_weights\": true",
          "\"init_lora_weights\": \"pissa\""),
     Code::kFailedPrecondition, "BASE_MUTATED"},
    {"FewBytes", Overwrite(kWeights, "1234"), Code::kInvalidArgument,
     "ST_HEADER_TOO_SMALL"},
    {"CutOff", TruncateWeights, Code::kInvalidArgument, "ST_LENGTH"},
    {"UnknownKey", Edit(kWeights, "lora_A", "lora_X"), Code::kInvalidArgument,
     "KEY_UNKNOWN"},
    {"NoSuchLayer", Edit(kWeights, ".layers.0.", ".layers.9."),
     Code::kFailedPrecondition, "MODULE_NOT_FOUND"},
    {"OtherShape",
     [](const Path& folder) {
       Edit(kWeights, "q_proj", "k_proj")(folder);
       Edit(kConfig, "q_proj", "k_proj")(folder);
     },
     Code::kFailedPrecondition, "SHAPE_BASE"},
    {"NotANumber", PutNanIntoWeights, Code::kInvalidArgument, "NON_FINITE"},
};

class AdapterRefusalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        server_, ServerProcess::Start({.adapter_root = root_.string()}));
  }
  Client& client() { return server_->client(); }

  // A copy of an adapter of the example.
  Path CopySkill(const std::string& name, const std::string& skill) {
    Path folder = root_.path() / name;
    std::filesystem::copy(Skills::Source(skill), folder);
    return folder;
  }
  // A failed load leaves no adapter and no bytes.
  void ExpectNoTrace() {
    const auto list = client().ListAdapters({});
    ASSERT_OK(list);
    EXPECT_EQ(list->adapters_size(), 0) << list->ShortDebugString();
    EXPECT_TRUE(server_->WaitUntil([](const v1::ServerInfo& info) {
      return info.host_memory().used_bytes() == 0 &&
             info.device_memory().used_bytes() == 0;
    }));
  }

  const TemporaryFolder root_;
  const std::string word_ = Skills::Get().words()[5];
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(AdapterRefusalTest, BadFilesAreRefusedByReasonAndLeaveNoTrace) {
  for (const BadAdapter& bad : kBadAdapters) {
    SCOPED_TRACE(bad.name);
    const Path folder = CopySkill(bad.name, "upper");
    bad.spoil(folder);
    const auto refused = Refused(bad.code, std::string(bad.reason));
    EXPECT_THAT(client().LoadAdapter(LoadFromRequest("bad", folder.string())),
                refused);
    EXPECT_THAT(client().ValidateAdapter(ValidateRequest(folder.string())),
                refused);
    EXPECT_THAT(client().GenerateText(Ask(word_, "bad")),
                Refused(Code::kNotFound, "ADAPTER"));
    ExpectNoTrace();
  }
}

TEST_F(AdapterRefusalTest, ARefusalNamesTheAdapterAndWhatIsWrong) {
  const Path folder = CopySkill("bad", "upper");
  Edit(kWeights, ".layers.0.", ".layers.9.")(folder);
  const auto loaded =
      client().LoadAdapter(LoadFromRequest("sql", folder.string()));
  EXPECT_THAT(loaded, MessageIs(::testing::AllOf(HasSubstr("sql"),
                                                 HasSubstr("layers.9"))));
}

TEST_F(AdapterRefusalTest, AReplaceThatFailsKeepsTheOldVersion) {
  ASSERT_OK_AND_ASSIGN(const v1::Adapter old,
                       client().LoadAdapter(LoadFromRequest(
                           "a", CopySkill("good", "upper").string())));
  const Path bad = CopySkill("bad", "rot13");
  PutNanIntoWeights(bad);
  v1::LoadAdapterRequest replace = LoadFromRequest("a", bad.string());
  replace.set_replace(true);
  EXPECT_THAT(client().LoadAdapter(replace),
              Refused(Code::kInvalidArgument, "NON_FINITE"));
  ASSERT_OK_AND_ASSIGN(const v1::Adapter adapter,
                       client().GetAdapter(GetRequest("a")));
  EXPECT_EQ(adapter.state(), v1::ADAPTER_STATE_READY);
  EXPECT_EQ(adapter.digest(), old.digest());
  EXPECT_NE(adapter.error().code(), 0);
  ASSERT_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                       client().GenerateText(Ask(word_, "a")));
  EXPECT_EQ(answer.text(), Skills::Get().Answer(word_, "upper"));
}

TEST_F(AdapterRefusalTest, NothingOutsideTheAdapterRootsIsRead) {
  const TemporaryFolder outside;
  std::filesystem::copy(Skills::Source("upper"), outside.path() / "upper");
  std::filesystem::create_directory_symlink(outside.path() / "upper",
                                            root_.path() / "linked-folder");
  const Path linked_file = root_.path() / "linked-file";
  std::filesystem::create_directory(linked_file);
  for (const char* file : {kConfig, kWeights}) {
    std::filesystem::create_symlink(outside.path() / "upper" / file,
                                    linked_file / file);
  }
  for (const std::string& source :
       {(outside.path() / "upper").string(),
        (root_.path() / "linked-folder").string(), linked_file.string(),
        absl::StrCat(root_.string(), "/../", outside.path().filename().string(),
                     "/upper"),
        root_.string(), std::string("/etc/passwd")}) {
    EXPECT_THAT(client().LoadAdapter(LoadFromRequest("a", source)),
                Refused(Code::kPermissionDenied, "PATH"))
        << source;
  }
  ExpectNoTrace();
}

TEST_F(AdapterRefusalTest, WithoutAnAdapterRootNothingCanBeLoaded) {
  ASSERT_OK_AND_ASSIGN(server_, ServerProcess::Start({.adapter_root = ""}));
  EXPECT_THAT(client().LoadAdapter(LoadRequest("a", "upper")),
              Refused(Code::kPermissionDenied, "PATH"));
}

TEST_F(AdapterRefusalTest, NamesAndDigestsAreChecked) {
  const std::string upper = CopySkill("upper", "upper").string();
  const std::string rot13 = CopySkill("rot13", "rot13").string();
  const std::vector<std::string> bad_ids = {
      "", "a/b", "..", "-a", "__base__", std::string(129, 'a')};
  for (const std::string& id : bad_ids) {
    EXPECT_THAT(client().LoadAdapter(LoadFromRequest(id, upper)),
                Refused(Code::kInvalidArgument, "ADAPTER_ID"))
        << id;
  }
  v1::LoadAdapterRequest digested = LoadFromRequest("a", upper);
  digested.set_sha256(std::string(64, '0'));
  EXPECT_THAT(client().LoadAdapter(digested),
              Refused(Code::kFailedPrecondition, "DIGEST_MISMATCH"));
  ExpectNoTrace();

  ASSERT_OK(client().LoadAdapter(LoadFromRequest("a", upper)));
  EXPECT_OK(client().LoadAdapter(LoadFromRequest("a", upper)));
  EXPECT_THAT(client().LoadAdapter(LoadFromRequest("a", rot13)),
              Refused(Code::kAlreadyExists, "ADAPTER_EXISTS"));
}

TEST_F(AdapterRefusalTest, RequestsForWhatIsNotThereAreNotFound) {
  EXPECT_THAT(client().GenerateText(Ask(word_, "missing")),
              Refused(Code::kNotFound, "ADAPTER"));
  EXPECT_THAT(client().GetAdapter(GetRequest("missing")),
              Refused(Code::kNotFound, "ADAPTER"));
  EXPECT_THAT(client().UnloadAdapter(UnloadRequest("missing")),
              Refused(Code::kNotFound, "ADAPTER"));
  EXPECT_THAT(client().MergeAdapter(MergeRequest("missing")),
              Refused(Code::kNotFound, "ADAPTER"));
  EXPECT_THAT(client().UnmergeAdapter(UnmergeRequest("missing")),
              Refused(Code::kNotFound, "NOT_MERGED"));
}

TEST_F(AdapterRefusalTest, AnAdapterLargerThanTheDeviceIsRefused) {
  ASSERT_OK_AND_ASSIGN(
      server_, ServerProcess::Start({.adapter_root = root_.string(),
                                     .flags = {"--device-memory", "1KiB"}}));
  const std::string source = CopySkill("upper", "upper").string();
  EXPECT_THAT(client().LoadAdapter(LoadFromRequest("a", source)),
              Refused(Code::kResourceExhausted, "QUOTA"));
  ExpectNoTrace();
}

}  // namespace
}  // namespace lora
