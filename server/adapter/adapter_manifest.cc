// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/adapter_manifest.h"

#include <cmath>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "server/base/json.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

constexpr int kVersion = 1;
constexpr int64_t kMaxBytes = int64_t{64} << 20;

Json ToJson(const DeclaredAdapter& adapter) {
  Json json = {
      {"id", adapter.id.value()},
      {"source", adapter.source},
      {"digest", adapter.digest},
      {"pinned", adapter.pinned},
      {"warm_tier", adapter.warm_tier == WarmTier::kHost ? "HOST" : "DISK"},
      {"strict_base", adapter.options.strict_base},
      {"skip_untargeted", adapter.options.skip_untargeted},
      {"labels", Json::object()}};
  if (adapter.options.alpha.has_value()) json["alpha"] = *adapter.options.alpha;
  // Straight to the end: the ordered map's own insertion searches for the key,
  // and a map holds none twice.
  auto& labels = json["labels"].get_ref<Json::object_t&>();
  for (const auto& [key, value] : adapter.labels) {
    labels.push_back({key, value});
  }
  return json;
}

absl::Status FieldError(absl::string_view field, absl::string_view expected) {
  return Error(absl::StatusCode::kFailedPrecondition, ErrorReason::kConfigField,
               absl::StrCat("'", field, "' is missing or not ", expected));
}

// JSON has no such number, and a null in its place could not be read back.
absl::Status CheckAlpha(const DeclaredAdapter& adapter) {
  const std::optional<double>& alpha = adapter.options.alpha;
  if (!alpha.has_value() || std::isfinite(*alpha)) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kAlpha,
               absl::StrCat("options.alpha of adapter \"", adapter.id.value(),
                            "\" is ", *alpha, "; expected a finite number"));
}

absl::Status CannotKeep(absl::string_view why) {
  return Error(
      absl::StatusCode::kFailedPrecondition, ErrorReason::kPath,
      absl::StrCat("the list of adapters cannot be kept: ", why,
                   "; name a folder of its own that this user may write"));
}

absl::StatusOr<std::string> StringField(const Json& json, const char* field) {
  const auto it = json.find(field);
  if (it == json.end() || !it->is_string())
    return FieldError(field, "a string");
  return it->get<std::string>();
}

absl::StatusOr<bool> BoolField(const Json& json, const char* field) {
  const auto it = json.find(field);
  if (it == json.end() || !it->is_boolean()) return FieldError(field, "a bool");
  return it->get<bool>();
}

absl::StatusOr<std::map<std::string, std::string>> LabelsField(
    const Json& json) {
  std::map<std::string, std::string> labels;
  const auto it = json.find("labels");
  if (it == json.end() || !it->is_object()) {
    return FieldError("labels", "an object of strings");
  }
  for (const auto& [key, value] : it->items()) {
    if (!value.is_string()) return FieldError("labels", "an object of strings");
    labels[key] = value.get<std::string>();
  }
  return labels;
}

absl::StatusOr<DeclaredAdapter> FromJson(const Json& json) {
  if (!json.is_object()) return FieldError("adapters", "a list of objects");
  DeclaredAdapter adapter;
  LORA_ASSIGN_OR_RETURN(const std::string id, StringField(json, "id"));
  LORA_RETURN_IF_ERROR(CheckAdapterId(id));
  adapter.id = AdapterId(id);
  LORA_ASSIGN_OR_RETURN(adapter.source, StringField(json, "source"));
  LORA_ASSIGN_OR_RETURN(adapter.digest, StringField(json, "digest"));
  LORA_ASSIGN_OR_RETURN(adapter.pinned, BoolField(json, "pinned"));
  LORA_ASSIGN_OR_RETURN(const std::string tier, StringField(json, "warm_tier"));
  if (tier != "HOST" && tier != "DISK") {
    return FieldError("warm_tier", "HOST or DISK");
  }
  adapter.warm_tier = tier == "HOST" ? WarmTier::kHost : WarmTier::kDisk;
  LORA_ASSIGN_OR_RETURN(adapter.options.strict_base,
                        BoolField(json, "strict_base"));
  LORA_ASSIGN_OR_RETURN(adapter.options.skip_untargeted,
                        BoolField(json, "skip_untargeted"));
  if (const auto alpha = json.find("alpha"); alpha != json.end()) {
    if (!alpha->is_number()) return FieldError("alpha", "a number");
    adapter.options.alpha = alpha->get<double>();
  }
  LORA_ASSIGN_OR_RETURN(adapter.labels, LabelsField(json));
  return adapter;
}

absl::StatusOr<std::vector<DeclaredAdapter>> ParseManifest(
    const std::string& text) {
  LORA_ASSIGN_OR_RETURN(
      const Json json,
      ParseJson(text, {.max_bytes = static_cast<size_t>(kMaxBytes)}));
  if (!json.is_object() || json.value("version", Json()) != Json(kVersion)) {
    return FieldError("version", absl::StrCat(kVersion));
  }
  const auto list = json.find("adapters");
  if (list == json.end() || !list->is_array()) {
    return FieldError("adapters", "a list");
  }
  std::vector<DeclaredAdapter> adapters;
  for (const Json& item : *list) {
    LORA_ASSIGN_OR_RETURN(DeclaredAdapter adapter, FromJson(item));
    adapters.push_back(std::move(adapter));
  }
  return adapters;
}

}  // namespace

AdapterManifest::AdapterManifest(const std::string& state_dir)
    : state_dir_(state_dir), path_(absl::StrCat(state_dir, "/adapters.json")) {}

absl::StatusOr<std::vector<DeclaredAdapter>> AdapterManifest::Open() {
  if (state_dir_.empty()) return std::vector<DeclaredAdapter>();
  std::error_code error;
  std::filesystem::create_directories(state_dir_, error);
  if (error) {
    return CannotKeep(
        absl::StrCat("cannot make ", state_dir_, ": ", error.message()));
  }
  absl::StatusOr<FileLock> held =
      FileLock::TryAcquire(absl::StrCat(state_dir_, "/lock"));
  if (absl::IsAlreadyExists(held.status())) {
    return CannotKeep(absl::StrCat("another server uses ", state_dir_, " now"));
  }
  if (!held.ok()) return CannotKeep(held.status().message());
  LORA_ASSIGN_OR_RETURN(std::vector<DeclaredAdapter> adapters, Load());
  MutexLock lock(mu_);
  held_ = *std::move(held);
  const absl::Status written = Write(adapters);
  if (!written.ok()) return CannotKeep(written.message());
  return adapters;
}

absl::StatusOr<std::vector<DeclaredAdapter>> AdapterManifest::Load() const {
  if (state_dir_.empty()) return std::vector<DeclaredAdapter>();
  const absl::StatusOr<std::string> text = ReadFile(path_, kMaxBytes);
  if (absl::IsNotFound(text.status())) return std::vector<DeclaredAdapter>();
  LORA_RETURN_IF_ERROR(text.status());
  absl::StatusOr<std::vector<DeclaredAdapter>> adapters = ParseManifest(*text);
  if (!adapters.ok()) {
    const ErrorReason reason = GetErrorReason(adapters.status());
    return Error(
        absl::StatusCode::kFailedPrecondition, reason,
        absl::StrCat("the list of adapters in ", path_,
                     " is broken: ", adapters.status().message(),
                     "; repair it, or remove it to start with no adapters"));
  }
  return adapters;
}

absl::Status AdapterManifest::Save(const std::vector<DeclaredAdapter>& adapters,
                                   uint64_t sequence) {
  if (state_dir_.empty()) return absl::OkStatus();
  MutexLock lock(mu_);  // Writers take turns: the last list stays.
  if (sequence <= saved_sequence_) return absl::OkStatus();
  LORA_RETURN_IF_ERROR(Write(adapters));
  saved_sequence_ = sequence;
  return absl::OkStatus();
}

absl::Status AdapterManifest::Write(
    const std::vector<DeclaredAdapter>& adapters) const {
  Json list = Json::array();
  for (const DeclaredAdapter& adapter : adapters) {
    LORA_RETURN_IF_ERROR(CheckAlpha(adapter));
    list.push_back(ToJson(adapter));
  }
  const Json json = {{"version", kVersion}, {"adapters", std::move(list)}};
  const std::string text =
      json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (static_cast<int64_t>(text.size()) > kMaxBytes) {
    return Error(
        absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
        absl::StrCat("the list of ", adapters.size(), " adapters would be ",
                     text.size(), " bytes long, and of ", path_, " at most ",
                     kMaxBytes,
                     " are read; unload adapters or shorten labels"));
  }
  return WriteFileAtomically(path_, text);
}

}  // namespace lora
