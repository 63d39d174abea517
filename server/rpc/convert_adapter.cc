// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/convert_adapter.h"

#include <string>

#include "absl/strings/string_view.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/printable.h"
#include "server/rpc/status_converter.h"

namespace lora {
namespace {

constexpr size_t kMaxSourceBytes = 4096;  // PATH_MAX.

v1::AdapterState StateToProto(AdapterState state) {
  switch (state) {
    case AdapterState::kLoading:
      return v1::ADAPTER_STATE_LOADING;
    case AdapterState::kReady:
      return v1::ADAPTER_STATE_READY;
    case AdapterState::kDraining:
      return v1::ADAPTER_STATE_DRAINING;
    case AdapterState::kFailed:
      return v1::ADAPTER_STATE_FAILED;
  }
  return v1::ADAPTER_STATE_UNSPECIFIED;
}

absl::string_view KindName(AdapterKind kind) {
  switch (kind) {
    case AdapterKind::kLora:
      return "LORA";
  }
  return "";
}

absl::string_view FormatName(AdapterFormat format) {
  switch (format) {
    case AdapterFormat::kPeft:
      return "PEFT";
  }
  return "";
}

v1::AdapterEvent::Type TypeToProto(AdapterEvent::Type type) {
  switch (type) {
    case AdapterEvent::Type::kSnapshot:
      return v1::AdapterEvent::SNAPSHOT;
    case AdapterEvent::Type::kUpdated:
      return v1::AdapterEvent::UPDATED;
    case AdapterEvent::Type::kRemoved:
      return v1::AdapterEvent::REMOVED;
  }
  return v1::AdapterEvent::TYPE_UNSPECIFIED;
}

void SetTimes(const AdapterInfo& info, v1::Adapter& proto) {
  constexpr absl::Time kNever = absl::InfinitePast();
  if (info.create_time != kNever) {
    *proto.mutable_create_time() = ToProto(info.create_time);
  }
  if (info.load_time != kNever) {
    *proto.mutable_load_time() = ToProto(info.load_time);
  }
  if (info.last_used_time != kNever) {
    *proto.mutable_last_used_time() = ToProto(info.last_used_time);
  }
}

void SetPending(const PendingVersion& pending, v1::PendingVersion& proto) {
  proto.set_digest(pending.digest);
  proto.set_state(StateToProto(pending.state));
  proto.set_progress(pending.progress);
}

}  // namespace

AdapterIdSet MergedIds(const std::vector<MergedAdapterInfo>& merged) {
  AdapterIdSet ids;
  for (const MergedAdapterInfo& info : merged) {
    for (const MergedComponent& component : info.components) {
      ids.insert(component.id);
    }
  }
  return ids;
}

v1::AdapterTier ToProto(AdapterTier tier) {
  switch (tier) {
    case AdapterTier::kDisk:
      return v1::ADAPTER_TIER_DISK;
    case AdapterTier::kHost:
      return v1::ADAPTER_TIER_HOST;
    case AdapterTier::kDevice:
      return v1::ADAPTER_TIER_DEVICE;
  }
  return v1::ADAPTER_TIER_UNSPECIFIED;
}

v1::Adapter ToProto(const AdapterInfo& info, const AdapterIdSet& merged_ids) {
  v1::Adapter proto;
  proto.set_adapter_id(info.id.value());
  proto.set_digest(info.digest);
  proto.set_source(Printable(info.source, kMaxSourceBytes));
  proto.set_state(StateToProto(info.state));
  proto.set_tier(ToProto(info.tier));
  proto.set_kind(std::string(KindName(info.kind)));
  proto.set_rank(info.rank);
  proto.mutable_target_modules()->Assign(info.target_modules.begin(),
                                         info.target_modules.end());
  proto.set_host_bytes(info.host_bytes);
  proto.set_device_bytes(info.device_bytes);
  proto.set_pinned(info.pinned);
  proto.set_merged(merged_ids.contains(info.id));
  proto.set_inflight_requests(info.inflight_requests);
  proto.set_requests_total(info.requests_total);
  proto.mutable_labels()->insert(info.labels.begin(), info.labels.end());
  proto.mutable_warnings()->Assign(info.warnings.begin(), info.warnings.end());
  proto.set_format(std::string(FormatName(info.format)));
  SetTimes(info, proto);
  if (info.pending.has_value()) {
    SetPending(*info.pending, *proto.mutable_pending());
  }
  if (!info.error.ok()) *proto.mutable_error() = ToProto(info.error);
  proto.set_warm_tier(info.warm_tier == WarmTier::kHost
                          ? v1::ADAPTER_TIER_HOST
                          : v1::ADAPTER_TIER_DISK);
  return proto;
}

v1::AdapterEvent ToProto(const AdapterEvent& event,
                         const AdapterIdSet& merged_ids) {
  v1::AdapterEvent proto;
  proto.set_type(TypeToProto(event.type));
  *proto.mutable_adapter() = ToProto(event.adapter, merged_ids);
  return proto;
}

v1::UnloadAdapterResponse ToProto(const UnloadResult& result) {
  v1::UnloadAdapterResponse proto;
  proto.set_freed_host_bytes(result.freed_host_bytes);
  proto.set_freed_device_bytes(result.freed_device_bytes);
  proto.set_freed_merged_bytes(result.freed_merged_bytes);
  proto.set_cancelled_requests(result.cancelled_requests);
  return proto;
}

v1::MergedAdapter ToProto(const MergedAdapterInfo& info) {
  v1::MergedAdapter proto;
  proto.set_merged_id(info.merged_id);
  for (const MergedComponent& component : info.components) {
    v1::AdapterWeight* weight = proto.add_components();
    weight->set_adapter_id(component.id.value());
    weight->set_weight(component.weight);
  }
  proto.set_bytes(info.bytes);
  *proto.mutable_build_time() = ToProto(info.build_time);
  proto.set_max_relative_deviation(info.max_relative_deviation);
  proto.set_pinned(info.pinned);
  return proto;
}

}  // namespace lora
