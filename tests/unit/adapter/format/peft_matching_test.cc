// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/peft_matching.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

// The tables are answers of PEFT 0.21.2.

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kQ2[] = "model.layers.2.self_attn.q_proj";

struct PatternCase {
  std::vector<std::string> keys;
  std::string path;
  int hit;  // Which key; -1: none.
};

TEST(PatternTest, TheFirstKeyThatMatchesTheEndOfThePathCounts) {
  const std::vector<PatternCase> cases = {
      {{"q_proj"}, "model.layers.0.self_attn.q_proj", 0},
      {{"q_proj"}, "model.layers.0.self_attn.xq_proj", -1},
      {{"q_proj"}, "q_proj", 0},
      {{"layers.1.self_attn.q_proj"}, "model.layers.11.self_attn.q_proj", -1},
      {{"1.self_attn.q_proj"}, "model.layers.11.self_attn.q_proj", -1},
      {{R"(layers\.[0-3]\..*q_proj)"}, kQ2, 0},
      {{"^model.layers.2.self_attn.q_proj"}, kQ2, 0},
      {{"^q_proj"}, kQ2, -1},
      {{"q_proj|v_proj"}, "model.layers.2.self_attn.v_proj", 0},
      {{"layers.1", "q_proj"}, "model.layers.1.self_attn.q_proj", 1},
      {{".*proj", "q_proj"}, "model.layers.1.self_attn.q_proj", 0},
      {{"q_proj", ".*proj"}, "model.layers.1.self_attn.q_proj", 0},
  };
  for (const PatternCase& c : cases) {
    PeftConfig config;
    config.target_modules.list = {"q_proj"};
    config.rank = 64;
    config.alpha = -1.0;
    for (size_t i = 0; i < c.keys.size(); ++i) {
      config.rank_pattern.emplace_back(c.keys[i], 100 + i);
      config.alpha_pattern.emplace_back(c.keys[i], 0.5 + i);
    }
    ASSERT_OK_AND_ASSIGN(const ModuleMatcher matcher,
                         ModuleMatcher::Create(config, "llama"));
    EXPECT_EQ(matcher.RankOf(c.path), c.hit < 0 ? 64 : 100 + c.hit) << c.path;
    EXPECT_EQ(matcher.AlphaOf(c.path), c.hit < 0 ? -1.0 : 0.5 + c.hit)
        << c.path;
  }
}

TEST(PatternTest, AFlagInsideTheWrappedKeyIsRefused) {
  PeftConfig config;
  config.rank_pattern.emplace_back("(?i)Q_PROJ", 4);
  EXPECT_THAT(
      ModuleMatcher::Create(config, "llama"),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kRegex));
}

TEST(PatternTest, MoreThan4096PatternsAreRefused) {
  PeftConfig config;
  for (int i = 0; i <= 4096; ++i) config.alpha_pattern.emplace_back("a", 1.0);
  EXPECT_THAT(
      ModuleMatcher::Create(config, "llama"),
      StatusIs(absl::StatusCode::kInvalidArgument, ErrorReason::kRegex));
}

TEST(PatternTest, UnusedPatternsAreTold) {
  PeftConfig config;
  config.rank_pattern = {{"q_proj", 1}, {"k_proj", 2}};
  config.alpha_pattern = {{".*", 1.0}, {"q_proj", 2.0}};
  ASSERT_OK_AND_ASSIGN(const ModuleMatcher matcher,
                       ModuleMatcher::Create(config, "llama"));
  EXPECT_THAT(
      matcher.UnusedPatterns({kQ2}),
      ElementsAre("rank_pattern[\"k_proj\"]", "alpha_pattern[\"q_proj\"]"));
}

struct TargetCase {
  std::string name;
  PeftConfig config;
  std::string path;
  bool targeted;
};

PeftConfig List(std::vector<std::string> names,
                std::vector<int64_t> layers = {},
                std::vector<std::string> pattern = {}) {
  PeftConfig config;
  config.target_modules.list = std::move(names);
  config.layers_to_transform = std::move(layers);
  config.layers_pattern = std::move(pattern);
  return config;
}

PeftConfig Expression(std::string regex) {
  PeftConfig config;
  config.target_modules.regex = std::move(regex);
  return config;
}

PeftConfig Excluding(PeftConfig config, ModuleNames names) {
  config.exclude_modules = std::move(names);
  return config;
}

PeftConfig Saving(PeftConfig config, std::vector<std::string> names) {
  config.modules_to_save = std::move(names);
  return config;
}

TEST(TargetTest, ModulesAreTargetedAsPeftTargetsThem) {
  const std::string q0 = "model.layers.0.self_attn.q_proj";
  const std::string q1 = "model.layers.1.self_attn.q_proj";
  const std::vector<TargetCase> cases = {
      {"end of a name is not a name", List({"proj"}), q0, false},
      {"last part", List({"q_proj"}), q0, true},
      {"last parts", List({"self_attn.q_proj"}), q0, true},
      {"inner part", List({"self_attn"}), q0, false},
      {"layer in the list", List({"q_proj"}, {1}), q1, true},
      {"layer not in the list", List({"q_proj"}, {1}), q0, false},
      {"exact path beats layers", List({q0}, {1}), q0, true},
      {"expression is a full match", Expression("q_proj"), q0, false},
      {"expression", Expression(R"(.*\.(q|v)_proj)"),
       "model.layers.0.self_attn.v_proj", true},
      {"first number is the layer", List({"w1"}, {1}),
       "model.layers.1.mlp.experts.3.w1", true},
      {"later number is not", List({"w1"}, {3}),
       "model.layers.1.mlp.experts.3.w1", false},
      {"pattern", List({"c_attn"}, {3}, {"h"}), "transformer.h.3.attn.c_attn",
       true},
      {"other pattern", List({"c_attn"}, {3}, {"x"}),
       "transformer.h.3.attn.c_attn", false},
      {"second pattern", List({"c_attn"}, {3}, {"x", "h"}),
       "transformer.h.3.attn.c_attn", true},
      {"number without two parts before", List({"c_attn"}, {3}),
       "h.3.attn.c_attn", false},
      {"pattern needs no part before", List({"c_attn"}, {3}, {"h"}),
       "h.3.attn.c_attn", true},
      {"no number", List({"lm_head"}, {0}), "model.lm_head", false},
      {"excluded last part", Excluding(List({"q_proj"}), {{}, {"q_proj"}}), q0,
       false},
      {"excluded path", Excluding(List({"q_proj"}), {{}, {q0}}), q1, true},
      {"excluding is a full match", Excluding(List({"q_proj"}), {"q_proj", {}}),
       q0, true},
      {"excluding expression",
       Excluding(List({"q_proj"}), {R"(.*layers\.0.*)", {}}), q0, false},
      {"in a saved module", Saving(List({"q_proj"}), {"self_attn"}), q0, false},
      {"saved name needs its dots", Saving(List({"q_proj"}), {"attn"}), q0,
       true},
  };
  for (const TargetCase& c : cases) {
    ASSERT_OK_AND_ASSIGN(const ModuleMatcher matcher,
                         ModuleMatcher::Create(c.config, "llama"));
    EXPECT_EQ(matcher.IsTargeted({c.path, ModuleType::kLinear, 1, 1}),
              c.targeted)
        << c.name;
  }
}

TEST(TargetTest, AllLinearIsEveryLinearLayerButTheOutput) {
  ASSERT_OK_AND_ASSIGN(const ModuleMatcher matcher,
                       ModuleMatcher::Create(Expression("All-Linear"), "x"));
  EXPECT_TRUE(matcher.IsTargeted({kQ2, ModuleType::kLinear, 1, 1}));
  EXPECT_FALSE(matcher.IsTargeted({"lm_head", ModuleType::kLinear, 1, 1}));
  EXPECT_FALSE(matcher.IsTargeted({"model.norm", ModuleType::kNorm, 1, 1}));
}

TEST(TargetTest, NoTargetsAreTheModelTypesUsualOnes) {
  PeftConfig config;
  config.default_targets = true;
  ASSERT_OK_AND_ASSIGN(const ModuleMatcher llama,
                       ModuleMatcher::Create(config, "llama"));
  EXPECT_TRUE(llama.IsTargeted({kQ2, ModuleType::kLinear, 1, 1}));
  EXPECT_FALSE(llama.IsTargeted(
      {"model.layers.0.mlp.up_proj", ModuleType::kLinear, 1, 1}));
  ASSERT_OK_AND_ASSIGN(const ModuleMatcher gpt2,
                       ModuleMatcher::Create(config, "gpt2"));
  EXPECT_TRUE(gpt2.IsTargeted({"h.0.attn.c_attn", ModuleType::kLinear, 1, 1}));
  const auto phi3 = ModuleMatcher::Create(config, "phi3");
  EXPECT_THAT(phi3, StatusIs(absl::StatusCode::kInvalidArgument,
                             ErrorReason::kConfigField));
  EXPECT_THAT(phi3, MessageIs(HasSubstr("phi3")));
}

}  // namespace
}  // namespace lora
