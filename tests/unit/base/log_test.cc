// SPDX-License-Identifier: Apache-2.0
#include "server/base/log.h"

#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/json.h"

namespace lora {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string Text(LogValue value) {
  std::string line;
  value.AppendText(line);
  return line;
}

std::string InJson(LogValue value) {
  std::string line;
  value.AppendJson(line);
  return line;
}

// What is written to the log, as one line without its end.
template <typename Write>
std::string LineOf(Write write) {
  ::testing::internal::CaptureStderr();
  write();
  std::string line = ::testing::internal::GetCapturedStderr();
  if (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { SetUpLogging("info", LogFormat::kText); }
};

TEST_F(LogTest, PlainTextIsBare) {
  EXPECT_EQ(Text("sql"), "sql");
  EXPECT_EQ(Text(std::string("/srv/adapters/a-1_b.c:9")),
            "/srv/adapters/a-1_b.c:9");
}

TEST_F(LogTest, TextThatWouldBreakALineIsQuoted) {
  EXPECT_EQ(Text(""), R"("")");
  EXPECT_EQ(Text("two words"), R"("two words")");
  EXPECT_EQ(Text("a=b"), R"("a=b")");
  EXPECT_EQ(Text("say \"hi\""), R"("say \"hi\"")");
  EXPECT_EQ(Text("one\ntwo\tthree\x1b[0m"), R"("one\ntwo\tthree\u001b[0m")");
  EXPECT_EQ(Text(R"(back\slash)"), R"("back\\slash")");
  EXPECT_EQ(Text("caf\xC3\xA9"), "\"caf\xC3\xA9\"");
  EXPECT_EQ(Text("\xFF"), "\"\xEF\xBF\xBD\"");  // No UTF-8: U+FFFD.
}

TEST_F(LogTest, LongTextIsCut) {
  const std::string fits(2048, 'x');
  EXPECT_EQ(Text(fits), fits);
  EXPECT_EQ(Text(fits + "y"), "\"" + fits + "...\"");
  EXPECT_EQ(InJson(fits + "y"), "\"" + fits + "...\"");
}

TEST_F(LogTest, NumbersAndFlagsAreWrittenAsTheyAre) {
  EXPECT_EQ(Text(true), "true");
  EXPECT_EQ(Text(-3), "-3");
  EXPECT_EQ(Text(size_t{7}), "7");
  EXPECT_EQ(Text(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(Text(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(Text(0.25), "0.25");
  EXPECT_EQ(Text(1e-9f), "1e-09");
  EXPECT_EQ(Text(std::nan("")), "nan");
}

TEST_F(LogTest, JsonValuesHaveTheirTypes) {
  EXPECT_EQ(InJson("sql"), R"("sql")");
  EXPECT_EQ(InJson("say \"hi\"\n"), R"("say \"hi\"\n")");
  EXPECT_EQ(InJson(false), "false");
  EXPECT_EQ(InJson(-3), "-3");
  EXPECT_EQ(InJson(uint8_t{7}), "7");
  EXPECT_EQ(InJson(0.25), "0.25");
  EXPECT_EQ(InJson(std::nan("")), "null");
  EXPECT_EQ(InJson(std::numeric_limits<double>::infinity()), "null");
}

TEST_F(LogTest, AnEventIsItsNameAndItsFieldsInOrder) {
  const LogFields fields = {{"adapter", "sql"}, {"bytes", 12}};
  EXPECT_EQ(FormatEvent(LogFormat::kText, "loaded", fields),
            "event=loaded adapter=sql bytes=12");
  EXPECT_EQ(FormatEvent(LogFormat::kJson, "loaded", fields),
            R"("event":"loaded","adapter":"sql","bytes":12)");
  EXPECT_EQ(FormatEvent(LogFormat::kText, "stopped", {}), "event=stopped");
}

TEST_F(LogTest, ATextLineHasTimeLevelAndPairs) {
  SetUpLogging("info", LogFormat::kText);
  EXPECT_THAT(LineOf([] {
                LogWarn("slow", {{"text", "a \"b\"\nc"}, {"seconds", 1}});
              }),
              MatchesRegex(R"([0-9-]{10}T[0-9:.]{12}Z W )"
                           R"(event=slow text="a \\"b\\"\\nc" seconds=1)"));
}

TEST_F(LogTest, AJsonLineIsOneObjectWithAMemberAField) {
  SetUpLogging("info", LogFormat::kJson);
  const std::string line = LineOf([] {
    LogError("failed", {{"error", "a \"b\"\n{c}"}, {"count", 2}, {"x", 0.5}});
  });
  const absl::StatusOr<Json> json = ParseJson(line);
  ASSERT_TRUE(json.ok()) << line;
  EXPECT_EQ((*json)["level"], "error");
  EXPECT_THAT((*json)["time"].get<std::string>(),
              MatchesRegex("[0-9-]{10}T[0-9:.]{12}Z"));
  EXPECT_EQ((*json)["event"], "failed");
  EXPECT_EQ((*json)["error"], "a \"b\"\n{c}");
  EXPECT_EQ((*json)["count"], 2);
  EXPECT_EQ((*json)["x"], 0.5);
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  SetUpLogging("warn", LogFormat::kText);
  EXPECT_EQ(LineOf([] {
              LogDebug("a");
              LogInfo("b");
            }),
            "");
  EXPECT_THAT(LineOf([] { LogWarn("c"); }), HasSubstr("event=c"));
  SetUpLogging("debug", LogFormat::kText);
  EXPECT_THAT(LineOf([] { LogDebug("d"); }), HasSubstr(" D event=d"));
}

}  // namespace
}  // namespace lora
