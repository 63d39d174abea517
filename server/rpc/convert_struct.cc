// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_struct.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

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
  using Field =
      google::protobuf::Map<std::string, google::protobuf::Value>::value_type;
  std::vector<const Field*> sorted;
  sorted.reserve(proto.fields().size());
  for (const Field& field : proto.fields()) sorted.push_back(&field);
  std::sort(sorted.begin(), sorted.end(),
            [](const Field* a, const Field* b) { return a->first < b->first; });
  Json object = Json::object();
  // Straight to the end: the ordered map's own insertion would search for the
  // key, which is known to be new.
  auto& entries = object.get_ref<Json::object_t&>();
  for (const Field* field : sorted) {
    entries.push_back({field->first, ValueToJson(field->second)});
  }
  return object;
}

}  // namespace lora
