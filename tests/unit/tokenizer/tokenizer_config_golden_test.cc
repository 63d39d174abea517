// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/tokenizer/tokenizer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/tokenizer/golden_text.h"

namespace lora {
namespace {

using Ids = std::vector<int32_t>;

// The files beside tokenizer.json change what transformers encodes and decodes
// in the same way as here.
TEST(TokenizerConfigGoldenTest, FilesBesideTokenizerJsonCountAsInTransformers) {
  const Json expected = ReadGoldenJson("configs.json");
  ASSERT_GT(expected["cases"].size(), 10u);
  for (const Json& test_case : expected["cases"]) {
    SCOPED_TRACE(test_case["files"].dump());
    TemporaryFolder folder;
    folder.Write(
        "tokenizer.json",
        ReadGoldenText(absl::StrCat(test_case["tokenizer"].get<std::string>(),
                                    "/tokenizer.json")));
    for (const auto& [name, content] : test_case["files"].items()) {
      folder.Write(name, content.dump());
    }
    const auto tokenizer = Tokenizer::Load(folder.string());
    ASSERT_THAT(tokenizer, IsOk());
    for (size_t i = 0; i < expected["texts"].size(); ++i) {
      const auto text = expected["texts"][i].get<std::string>();
      SCOPED_TRACE(text);
      const auto ids = test_case["encode"][i].get<Ids>();
      EXPECT_THAT((*tokenizer)->Encode(text, SpecialTokens::kAdd),
                  IsOkAndHolds(ids));
      EXPECT_EQ((*tokenizer)->Decode(ids, SkipSpecial::kYes),
                test_case["decode"][i].get<std::string>());
    }
  }
}

}  // namespace
}  // namespace lora
