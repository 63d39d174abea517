// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/adapter_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/adapter/format/adapter_digest.h"
#include "server/base/sha256.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/adapter/format/format_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kConfigName[] = "adapter_config.json";
constexpr char kWeightsName[] = "adapter_model.safetensors";
constexpr char kConfig[] =
    R"({"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]})";
constexpr char kQ0[] = "model.layers.0.self_attn.q_proj";

absl::Status Continue(double) { return absl::OkStatus(); }

using Result = absl::StatusOr<std::unique_ptr<HostAdapter>>;

Result ReadFrom(const std::string& path, const AdapterLoadOptions& options = {},
                const ReadLimits& limits = {}) {
  return ReadAdapter(path, AdapterId("sql"), TinyLlama(), {options, limits},
                     Continue);
}

std::vector<TestTensor> Q0Pair() { return PairOf(kQ0, 8, 8, 2); }

void WriteGood(const TempDir& dir) {
  dir.Write(kConfigName, kConfig);
  dir.Write(kWeightsName, FileWith(Q0Pair()));
}

TEST(AdapterReaderTest, AReadAdapterHoldsItsFileAndWhereItsMatricesAre) {
  const TempDir dir;
  WriteGood(dir);
  ASSERT_OK_AND_ASSIGN(const auto adapter, ReadFrom(dir.path()));
  EXPECT_EQ(adapter->key.id, AdapterId("sql"));
  EXPECT_EQ(adapter->bytes, FileWith(Q0Pair()));
  EXPECT_EQ(adapter->weights_sha256, Sha256Hex(adapter->bytes));
  const AdapterSpec& spec = adapter->spec;
  EXPECT_EQ(spec.kind, AdapterKind::kLora);
  EXPECT_EQ(spec.dtype, AdapterDtype::kF32);
  EXPECT_EQ(spec.max_rank, 2);
  EXPECT_THAT(spec.target_modules, ElementsAre("q_proj"));
  ASSERT_EQ(spec.modules.size(), 1u);
  EXPECT_EQ(spec.modules[0].module_index, 2);
  EXPECT_EQ(spec.modules[0].rank, 2);
  EXPECT_EQ(spec.modules[0].scaling, 2.0f);
  EXPECT_EQ(spec.modules[0].b_offset,
            spec.modules[0].a_offset + int64_t{2} * 8 * 4);
  EXPECT_EQ(spec.modules[0].b_offset + int64_t{8} * 2 * 4,
            static_cast<int64_t>(adapter->bytes.size()));
}

TEST(AdapterReaderTest, TheDigestCoversConfigAndWeightsAndNothingElse) {
  const TempDir dir;
  WriteGood(dir);
  ASSERT_OK_AND_ASSIGN(const auto first, ReadFrom(dir.path()));
  const std::string weights = FileWith(Q0Pair());
  EXPECT_EQ(
      first->key.digest,
      AdapterDigest({{kConfigName, static_cast<int64_t>(sizeof(kConfig)) - 1,
                      Sha256Hex(kConfig)},
                     {kWeightsName, static_cast<int64_t>(weights.size()),
                      Sha256Hex(weights)}}));
  dir.Write("README.md", "a card");
  ASSERT_OK_AND_ASSIGN(const auto same, ReadFrom(dir.path()));
  EXPECT_EQ(same->key.digest, first->key.digest);
  dir.Write(kConfigName, absl::StrCat(kConfig, "\n"));
  ASSERT_OK_AND_ASSIGN(const auto other, ReadFrom(dir.path()));
  EXPECT_NE(other->key.digest, first->key.digest);
}

TEST(AdapterReaderTest, ProgressRisesToOne) {
  const TempDir dir;
  WriteGood(dir);
  std::vector<double> heard;
  ASSERT_OK(ReadAdapter(dir.path(), AdapterId("sql"), TinyLlama(), {},
                        [&heard](double progress) {
                          heard.push_back(progress);
                          return absl::OkStatus();
                        }));
  ASSERT_FALSE(heard.empty());
  EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
  EXPECT_DOUBLE_EQ(heard.back(), 1.0);
}

TEST(AdapterReaderTest, ProgressCanStopTheRead) {
  const TempDir dir;
  WriteGood(dir);
  EXPECT_THAT(ReadAdapter(dir.path(), AdapterId("sql"), TinyLlama(), {},
                          [](double) { return absl::CancelledError("stop"); }),
              StatusIs(absl::StatusCode::kCancelled));
}

struct Refused {
  std::string name;
  std::function<void(const TempDir&)> write;
  absl::StatusCode code;
  ErrorReason reason;
  std::string message;
};

void Weights(const TempDir& dir, absl::string_view content) {
  dir.Write(kConfigName, kConfig);
  dir.Write(kWeightsName, content);
}

// Rows about which files there are, and what kind of content they have.
std::vector<Refused> BadDirectories() {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kNotFound = absl::StatusCode::kNotFound;
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  return {
      {"empty directory", [](const TempDir&) {}, kNotFound,
       ErrorReason::kAdapterFilesMissing, kConfigName},
      {"config alone", [](const TempDir& d) { d.Write(kConfigName, kConfig); },
       kNotFound, ErrorReason::kWeightsMissing, kWeightsName},
      {"config and pickle",
       [](const TempDir& d) {
         d.Write(kConfigName, kConfig);
         d.Write("adapter_model.bin", "PK\x03\x04");
       },
       kInvalid, ErrorReason::kPickleRefused, "adapter_model.bin"},
      {"pickle alone", [](const TempDir& d) { d.Write("weights.ckpt", "x"); },
       kInvalid, ErrorReason::kPickleRefused, "weights.ckpt"},
      {"zip inside", [](const TempDir& d) { Weights(d, "PK\x03\x04zip"); },
       kInvalid, ErrorReason::kPickleRefused, kWeightsName},
      {"pickle inside",
       [](const TempDir& d) { Weights(d, "\x80\x02}q\x01(X\x04..........."); },
       kInvalid, ErrorReason::kPickleRefused, "safetensors"},
      {"Git LFS pointer",
       [](const TempDir& d) {
         Weights(d, "version https://git-lfs.github.com/spec/v1\n");
       },
       kInvalid, ErrorReason::kLfsPointer, "git lfs pull"},
      {"kohya file",
       [](const TempDir& d) {
         d.Write("style.safetensors",
                 FileWith({{"lora_unet_x.lora_down.weight", {1, 8}}}));
       },
       kUnimplemented, ErrorReason::kFeature, "kohya"},
      {"diffusers file",
       [](const TempDir& d) {
         d.Write("pytorch_lora_weights.safetensors",
                 FileWith({{"unet.x.lora_A.weight", {1, 8}}}));
         d.Write("other.safetensors", "");
       },
       kUnimplemented, ErrorReason::kFeature, "diffusers"},
      {"weights are a pipe",
       [](const TempDir& d) {
         WriteGood(d);
         const std::string path = d.path() + "/" + kWeightsName;
         std::filesystem::remove(path);
         ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
       },
       absl::StatusCode::kPermissionDenied, ErrorReason::kPath, kWeightsName},
  };
}

// Rows about what the files hold.
std::vector<Refused> BadContents() {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  return {
      {"config is no object",
       [](const TempDir& d) {
         WriteGood(d);
         d.Write(kConfigName, "[]");
       },
       kInvalid, ErrorReason::kConfigSyntax, kConfigName},
      {"config is a Git LFS pointer",
       [](const TempDir& d) {
         WriteGood(d);
         d.Write(kConfigName, "version https://git-lfs.github.com/spec/v1\n");
       },
       kInvalid, ErrorReason::kLfsPointer, kConfigName},
      {"bad expression",
       [](const TempDir& d) {
         WriteGood(d);
         d.Write(kConfigName, R"({"peft_type":"LORA","target_modules":"("})");
       },
       kInvalid, ErrorReason::kRegex, kConfigName},
      {"config longer than 1 MiB",
       [](const TempDir& d) {
         WriteGood(d);
         d.Write(kConfigName, std::string((1 << 20) + 1, ' '));
       },
       kInvalid, ErrorReason::kConfigSyntax, kConfigName},
      {"short file", [](const TempDir& d) { Weights(d, "short"); }, kInvalid,
       ErrorReason::kStHeaderTooSmall, kWeightsName},
      {"truncated file",
       [](const TempDir& d) {
         std::string file = FileWith(Q0Pair());
         file.resize(file.size() - 1);
         Weights(d, file);
       },
       kInvalid, ErrorReason::kStLength, kWeightsName},
      {"no tensors", [](const TempDir& d) { Weights(d, FileWith({})); },
       kInvalid, ErrorReason::kEmpty, kWeightsName},
      {"not a number",
       [](const TempDir& d) {
         std::vector<TestTensor> tensors = Q0Pair();
         tensors[1].fill = '\xFF';
         Weights(d, FileWith(tensors));
       },
       kInvalid, ErrorReason::kNonFinite, "lora_B"},
  };
}

void ExpectRefused(const std::vector<Refused>& cases) {
  for (const Refused& c : cases) {
    const TempDir dir;
    c.write(dir);
    const Result result = ReadFrom(dir.path());
    EXPECT_THAT(result, StatusIs(c.code, c.reason)) << c.name;
    EXPECT_THAT(result, MessageIs(HasSubstr("adapter \"sql\""))) << c.name;
    EXPECT_THAT(result, MessageIs(HasSubstr(c.message))) << c.name;
  }
}

TEST(AdapterReaderTest, BadDirectoriesAreRefusedForTheirReason) {
  ExpectRefused(BadDirectories());
}

TEST(AdapterReaderTest, BadContentsAreRefusedForTheirReason) {
  ExpectRefused(BadContents());
}

TEST(AdapterReaderTest, WhatIsOverTheLimitsIsRefused) {
  const TempDir dir;
  WriteGood(dir);
  const auto size = static_cast<int64_t>(FileWith(Q0Pair()).size());
  EXPECT_OK(
      ReadFrom(dir.path(), {},
               {.max_file_bytes = size, .max_tensors = 2, .max_rank = 2}));
  for (const ReadLimits& limits :
       {ReadLimits{.max_file_bytes = size - 1}, ReadLimits{.max_tensors = 1},
        ReadLimits{.max_header_bytes = 16}}) {
    EXPECT_THAT(
        ReadFrom(dir.path(), {}, limits),
        StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kQuota));
  }
  EXPECT_THAT(
      ReadFrom(dir.path(), {}, {.max_rank = 1}),
      StatusIs(absl::StatusCode::kResourceExhausted, ErrorReason::kRank));
}

TEST(AdapterReaderTest, AHeaderIsJudgedBeforeTheConfig) {
  const TempDir dir;
  dir.Write(kConfigName, "[]");
  dir.Write(kWeightsName, "short");
  EXPECT_THAT(ReadFrom(dir.path()), StatusIs(absl::StatusCode::kInvalidArgument,
                                             ErrorReason::kStHeaderTooSmall));
}

TEST(AdapterReaderTest, AMissingDirectoryIsNotFound) {
  EXPECT_THAT(
      ReadFrom("/no/such/adapter"),
      StatusIs(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing));
}

// A length of 640 starts as a pickle does: "\x80\x02".
TEST(AdapterReaderTest, AHeaderLengthIsNotTakenForAPickle) {
  const TempDir dir;
  std::string file = FileWith(Q0Pair());
  const size_t header = static_cast<unsigned char>(file[0]) +
                        256 * static_cast<unsigned char>(file[1]);
  ASSERT_LT(header, 640u);
  file.insert(8 + header, 640 - header, ' ');
  file[0] = '\x80';
  file[1] = '\x02';
  Weights(dir, file);
  EXPECT_OK(ReadFrom(dir.path()));
}

// What tests/golden/generate.py made with PEFT, against bases of the same
// shapes.
TEST(AdapterReaderTest, AdaptersThatPeftSavedAreRead) {
  struct Golden {
    std::string name;
    AdapterDtype dtype;
    int32_t max_rank;
    size_t num_modules;
  };
  for (const absl::string_view family :
       {"llama", "mistral", "qwen2", "qwen3"}) {
    DecoderSize size;
    if (family == "qwen3") {
      size.query_width = 64;
      size.key_value_width = 32;
    }
    const BaseModelSpec base = DecoderSpec(family, family, size);
    for (const Golden& golden :
         std::vector<Golden>{{"plain", AdapterDtype::kF32, 4, 4},
                             {"rslora", AdapterDtype::kF32, 8, 14},
                             {"pattern", AdapterDtype::kF32, 6, 14},
                             {"query_only", AdapterDtype::kBF16, 1, 2},
                             {"wide", AdapterDtype::kF16, 40, 6}}) {
      const std::string path =
          absl::StrCat("tests/golden/adapters/", family, "/", golden.name);
      ASSERT_OK_AND_ASSIGN(const auto adapter,
                           ReadAdapter(path, AdapterId(golden.name), base,
                                       {{.strict_base = true}, {}}, Continue));
      EXPECT_EQ(adapter->spec.dtype, golden.dtype) << path;
      EXPECT_EQ(adapter->spec.max_rank, golden.max_rank) << path;
      EXPECT_EQ(adapter->spec.modules.size(), golden.num_modules) << path;
    }
  }
}

TEST(AdapterReaderTest, GoldenPatternsGiveTheRanksAndScalingsOfPeft) {
  const BaseModelSpec base = DecoderSpec("llama", "llama", {});
  ASSERT_OK_AND_ASSIGN(const auto adapter,
                       ReadAdapter("tests/golden/adapters/llama/pattern",
                                   AdapterId("pattern"), base, {}, Continue));
  const auto module = [&](absl::string_view path) {
    for (const AdaptedModule& m : adapter->spec.modules) {
      if (base.modules[m.module_index].path == path) return m;
    }
    ADD_FAILURE() << path;
    return AdaptedModule();
  };
  const AdaptedModule q0 = module("model.layers.0.self_attn.q_proj");
  EXPECT_EQ(q0.rank, 6);
  EXPECT_FLOAT_EQ(q0.scaling, 8.0f / 6);
  const AdaptedModule v0 = module("model.layers.0.self_attn.v_proj");
  EXPECT_EQ(v0.rank, 4);
  EXPECT_FLOAT_EQ(v0.scaling, 3.0f / 4);
  const AdaptedModule o0 = module("model.layers.0.self_attn.o_proj");
  EXPECT_FLOAT_EQ(o0.scaling, 5.0f / 4);
  const AdaptedModule gate0 = module("model.layers.0.mlp.gate_proj");
  EXPECT_EQ(gate0.rank, 3);
  const AdaptedModule q1 = module("model.layers.1.self_attn.q_proj");
  EXPECT_EQ(q1.rank, 2);
  EXPECT_FLOAT_EQ(q1.scaling, 4.0f);
  EXPECT_THAT(adapter->spec.warnings, ElementsAre(HasSubstr("\"proj\"")));
}

TEST(AdapterReaderTest, TheExamplesAdaptersAreRead) {
  const BaseModelSpec base = DecoderSpec("skills-base", "llama",
                                         {.hidden = 128,
                                          .intermediate = 256,
                                          .num_layers = 4,
                                          .query_width = 128,
                                          .key_value_width = 64,
                                          .vocab_size = 260});
  for (const std::string& name :
       {std::string("reverse"), std::string("upper"), std::string("rot13")}) {
    ASSERT_OK_AND_ASSIGN(
        const auto adapter,
        ReadAdapter(absl::StrCat("examples/skills/adapters/", name),
                    AdapterId(name), base, {{.strict_base = true}, {}},
                    Continue));
    EXPECT_FALSE(adapter->spec.modules.empty());
    EXPECT_THAT(adapter->spec.warnings, IsEmpty());
  }
}

}  // namespace
}  // namespace lora
