// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_struct.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>

namespace lora {
namespace {

// Every integer up to this has a double of its own.
constexpr double kMaxExactInteger = 9007199254740992.0;  // 2^53

Json NumberToJson(double number) {
  if (std::trunc(number) == number && std::abs(number) <= kMaxExactInteger) {
    return static_cast<int64_t>(number);
  }
  return number;
}

// As deep as protobuf's own limit of 100 for messages allows.
Json ValueToJson(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return NumberToJson(value.number_value());
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kBoolValue:
      return value.bool_value();
    case google::protobuf::Value::kStructValue:
      return ToJson(value.struct_value());
    case google::protobuf::Value::kListValue: {
      Json list = Json::array();
      for (const google::protobuf::Value& item : value.list_value().values()) {
        list.push_back(ValueToJson(item));
      }
      return list;
    }
    case google::protobuf::Value::kNullValue:
    case google::protobuf::Value::KIND_NOT_SET:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

Json ToJson(const google::protobuf::Struct& proto) {
  const std::map<std::string, google::protobuf::Value> sorted(
      proto.fields().begin(), proto.fields().end());
  Json object = Json::object();
  for (const auto& [key, value] : sorted) object[key] = ValueToJson(value);
  return object;
}

}  // namespace lora
