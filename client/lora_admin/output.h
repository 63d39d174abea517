// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_LORA_ADMIN_OUTPUT_H_
#define LORA_CLIENT_LORA_ADMIN_OUTPUT_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lora/v1/adapter_service.pb.h"

namespace lora::admin {

// Text for people.

// Aligned columns; the first row is the head. Ends with a newline.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);
// "0 B", "1.5 KiB", "2.0 GiB".
std::string FormatBytes(int64_t bytes);
// "1.250s".
std::string FormatDuration(const google::protobuf::Duration& duration);
// "2024-01-31T12:00:00Z"; "-" if unset.
std::string FormatTime(const google::protobuf::Timestamp& time);
// "READY", and "LOADING 40%" where a version is on its way.
std::string FormatState(const v1::Adapter& adapter);
// "DEVICE".
std::string FormatTier(v1::AdapterTier tier);
// "a=0.5 b".
std::string FormatWeights(
    const google::protobuf::RepeatedPtrField<v1::AdapterWeight>& weights);
// Everything about one adapter, a line each.
std::string DescribeAdapter(const v1::Adapter& adapter);

// JSON for programs: field names as in the protos, every field present.
enum class JsonStyle : uint8_t { kDocument, kLine };
std::string FormatJson(const google::protobuf::Message& message,
                       JsonStyle style = JsonStyle::kDocument);

}  // namespace lora::admin

#endif  // LORA_CLIENT_LORA_ADMIN_OUTPUT_H_
