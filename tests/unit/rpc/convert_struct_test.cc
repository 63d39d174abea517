// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_struct.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "gtest/gtest.h"

namespace lora {
namespace {

std::string RoundTrip(const std::string& text) {
  google::protobuf::Struct proto;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text, &proto).ok());
  return ToJson(proto).dump();
}

TEST(ConvertStructTest, KeepsEveryKindOfValue) {
  const std::string text =
      R"({"b":true,"l":[1,"x",[]],"n":null,"o":{"k":"v"},"s":"text"})";
  EXPECT_EQ(RoundTrip(text), text);
}

TEST(ConvertStructTest, NumbersWithoutAFractionAreIntegers) {
  EXPECT_EQ(RoundTrip(R"({"n":1.0})"), R"({"n":1})");
  EXPECT_EQ(RoundTrip(R"({"n":-7})"), R"({"n":-7})");
  EXPECT_EQ(RoundTrip(R"({"n":9007199254740992})"),
            R"({"n":9007199254740992})");
}

TEST(ConvertStructTest, OtherNumbersStayDoubles) {
  EXPECT_EQ(RoundTrip(R"({"n":0.5})"), R"({"n":0.5})");
  EXPECT_EQ(RoundTrip(R"({"n":1e300})"), R"({"n":1e+300})");
}

// A search for each key would take longer than ctest waits.
TEST(ConvertStructTest, ManyKeysTakeNoLongerEach) {
  constexpr int kNumKeys = 500'000;
  google::protobuf::Struct proto;
  for (int i = 0; i < kNumKeys; ++i) {
    (*proto.mutable_fields())[std::to_string(i)].set_bool_value(true);
  }
  EXPECT_EQ(ToJson(proto).size(), kNumKeys);
}

TEST(ConvertStructTest, KeysAreSorted) {
  EXPECT_EQ(RoundTrip(R"({"b":1,"a":2})"), R"({"a":2,"b":1})");
  EXPECT_EQ(RoundTrip(R"({"t":[{"type":"f","function":{"name":1,"args":2}}]})"),
            R"({"t":[{"function":{"args":2,"name":1},"type":"f"}]})");
}

TEST(ConvertStructTest, AnUnsetStructIsAnEmptyObject) {
  EXPECT_EQ(ToJson({}).dump(), "{}");
}

}  // namespace
}  // namespace lora
