// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_labels.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Labels = std::map<std::string, std::string>;

Labels Many(int count) {
  Labels labels;
  for (int i = 0; i < count; ++i) labels[absl::StrCat("k", i)] = "v";
  return labels;
}

TEST(AdapterLabelsTest, LabelsUpToTheirLimitsAreAccepted) {
  for (const Labels& labels :
       {Labels(), Labels{{"team", ""}}, Many(64),
        Labels{{std::string(128, 'k'), std::string(1024, 'v')}},
        Labels{{"größe", "ein Wert / mit: allem"}}}) {
    EXPECT_OK(CheckLabels(labels));
  }
}

struct Refused {
  Labels labels;
  std::string message;
};

TEST(AdapterLabelsTest, WhatIsOverALimitIsNamed) {
  for (const Refused& c : std::vector<Refused>{
           {Many(65), "65 labels"},
           {{{"", "v"}}, "1 to 128"},
           {{{std::string(129, 'k'), "v"}}, "129 bytes"},
           {{{"team", std::string(1025, 'v')}}, "\"team\" is 1025 bytes"},
           {{{"a\nb", "v"}}, "a\\nb"},
           {{{"a\x7f", "v"}}, "control character"},
           {{{std::string("a\0", 2), "v"}}, "control character"},
           {{{"team", "a\tb"}}, "value of label \"team\""}}) {
    const absl::Status status = CheckLabels(c.labels);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 ErrorReason::kParam))
        << c.message;
    EXPECT_THAT(status, MessageIs(HasSubstr(c.message)));
    EXPECT_THAT(status, MessageIs(Not(HasSubstr("\n"))));
  }
}

}  // namespace
}  // namespace lora
