// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/adapter_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/format/adapter_digest.h"
#include "server/adapter/format/adapter_files.h"
#include "server/adapter/format/file_content.h"
#include "server/adapter/format/finite_check.h"
#include "server/adapter/format/foreign_format.h"
#include "server/adapter/format/peft_config.h"
#include "server/adapter/format/peft_fields.h"
#include "server/adapter/format/peft_matching.h"
#include "server/adapter/format/peft_spec.h"
#include "server/adapter/format/weights_file.h"
#include "server/base/error.h"
#include "server/base/file.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/tensorfile/safetensors_header.h"

namespace lora {
namespace {

constexpr int64_t kMaxConfigBytes = int64_t{1} << 20;
// How much is read, or checked, between two reports of progress.
constexpr int64_t kChunkBytes = int64_t{16} << 20;

// Reports how many of a known number of bytes have been dealt with.
class ProgressMeter {
 public:
  ProgressMeter(ReadProgress progress, int64_t total_bytes)
      : progress_(progress), total_bytes_(std::max<int64_t>(total_bytes, 1)) {}

  absl::Status Add(int64_t bytes) {
    done_bytes_ += bytes;
    return progress_(static_cast<double>(done_bytes_) /
                     static_cast<double>(total_bytes_));
  }

 private:
  ReadProgress progress_;
  int64_t total_bytes_;
  int64_t done_bytes_ = 0;
};

absl::StatusOr<std::string> ReadConfig(const AdapterFiles& files,
                                       const OpenedFileCheck& check) {
  const std::string path = absl::StrCat(files.directory, "/", files.config);
  absl::StatusOr<std::string> text = ReadFile(path, kMaxConfigBytes, check);
  if (absl::IsNotFound(text.status())) {
    return Error(absl::StatusCode::kNotFound, ErrorReason::kAdapterFilesMissing,
                 text.status().message());
  }
  if (absl::IsResourceExhausted(text.status())) {
    return ConfigError(
        ErrorReason::kConfigSyntax,
        absl::StrCat("is longer than ", kMaxConfigBytes, " bytes"));
  }
  return text;
}

absl::Status CheckNotGrown(const WeightsFile& file, int64_t max_bytes) {
  if (file.size() <= max_bytes) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, ErrorReason::kSourceUnreachable,
               absl::StrCat("grew from ", max_bytes, " to ", file.size(),
                            " bytes before it was read; load it again"));
}

// Reads the header, and no more, to the front of `bytes`.
absl::StatusOr<SafetensorsHeader> ReadHeader(const WeightsFile& file,
                                             const ReadLimits& limits,
                                             std::string& bytes) {
  const SafetensorsLimits tensor_limits{
      .max_header_bytes = limits.max_header_bytes,
      .max_tensors = limits.max_tensors};
  LORA_RETURN_IF_ERROR(
      file.ReadUpTo(std::min<int64_t>(file.size(), kFirstBytes), bytes));
  LORA_RETURN_IF_ERROR(CheckFirstBytes(bytes));
  LORA_ASSIGN_OR_RETURN(
      const int64_t prefix_bytes,
      SafetensorsHeader::PrefixBytes(bytes, file.size(), tensor_limits));
  if (prefix_bytes > static_cast<int64_t>(bytes.size())) {
    LORA_RETURN_IF_ERROR(file.ReadUpTo(prefix_bytes, bytes));
  }
  return SafetensorsHeader::Parse(bytes, file.size(), tensor_limits);
}

// Reads the rest of the file and returns the SHA-256 of all of it.
absl::StatusOr<std::string> ReadData(const WeightsFile& file,
                                     ProgressMeter& meter, std::string& bytes) {
  bytes.reserve(static_cast<size_t>(file.size()));
  Sha256 sha256;
  int64_t hashed = 0;
  while (hashed < file.size()) {
    const auto have = static_cast<int64_t>(bytes.size());
    const int64_t end =
        std::min(std::max(hashed + kChunkBytes, have), file.size());
    if (end > have) LORA_RETURN_IF_ERROR(file.ReadUpTo(end, bytes));
    sha256.Update(absl::string_view(bytes).substr(hashed, end - hashed));
    LORA_RETURN_IF_ERROR(meter.Add(end - hashed));
    hashed = end;
  }
  return sha256.HexDigest();
}

absl::Status CheckFinite(const SafetensorsHeader& header,
                         absl::string_view bytes, ProgressMeter& meter) {
  int64_t unreported = 0;
  for (const TensorInfo& tensor : header.tensors()) {
    const std::optional<int64_t> index = FindNonFinite(
        bytes.substr(header.data_offset() + tensor.begin, tensor.bytes()),
        tensor.dtype);
    if (index.has_value()) {
      return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kNonFinite,
                   absl::StrCat("tensor \"", tensor.name, "\" of shape ",
                                ShapeText(tensor.shape),
                                " holds NaN, infinity or a number beyond "
                                "float32, first at element ",
                                *index, "; the training has diverged"));
    }
    unreported += tensor.bytes();
    if (unreported >= kChunkBytes) {
      LORA_RETURN_IF_ERROR(meter.Add(std::exchange(unreported, 0)));
    }
  }
  return meter.Add(unreported);
}

// `value`, or its error with the name of the file that it is about.
template <typename T>
absl::StatusOr<T> In(const std::string& file, absl::StatusOr<T> value) {
  if (value.ok()) return value;
  return Annotate(value.status(), file);
}

absl::Status In(const std::string& file, const absl::Status& status) {
  return status.ok() ? status : Annotate(status, file);
}

absl::StatusOr<std::unique_ptr<HostAdapter>> ReadFiles(
    const AdapterFiles& files, const BaseModelSpec& base,
    const ReadOptions& options, ReadProgress progress) {
  auto adapter = std::make_unique<HostAdapter>();
  LORA_ASSIGN_OR_RETURN(
      const WeightsFile file,
      In(files.weights,
         WeightsFile::Open(absl::StrCat(files.directory, "/", files.weights),
                           options.limits.max_file_bytes, options.check)));
  LORA_RETURN_IF_ERROR(
      In(files.weights, CheckNotGrown(file, options.max_bytes)));
  LORA_ASSIGN_OR_RETURN(
      const SafetensorsHeader header,
      In(files.weights, ReadHeader(file, options.limits, adapter->bytes)));
  if (files.config.empty()) {
    return In(files.weights, RefuseForeignFormat(header.tensors()));
  }
  LORA_ASSIGN_OR_RETURN(const std::string config_text,
                        ReadConfig(files, options.check));
  LORA_ASSIGN_OR_RETURN(const PeftConfig config,
                        ParsePeftConfig(config_text, base, options.load,
                                        options.limits.max_rank));
  LORA_ASSIGN_OR_RETURN(const ModuleMatcher matcher,
                        ModuleMatcher::Create(config, base.model_type));
  LORA_ASSIGN_OR_RETURN(adapter->spec,
                        In(files.weights, BuildPeftSpec(header, config, matcher,
                                                        base, options.load)));
  ProgressMeter meter(progress, 2 * file.size() - header.data_offset());
  LORA_ASSIGN_OR_RETURN(
      adapter->weights_sha256,
      In(files.weights, ReadData(file, meter, adapter->bytes)));
  LORA_RETURN_IF_ERROR(
      In(files.weights, CheckFinite(header, adapter->bytes, meter)));
  adapter->key.digest =
      AdapterDigest({{files.config, static_cast<int64_t>(config_text.size()),
                      Sha256Hex(config_text)},
                     {files.weights, file.size(), adapter->weights_sha256}});
  return adapter;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HostAdapter>> ReadAdapter(
    const std::string& directory, const AdapterId& id,
    const BaseModelSpec& base, const ReadOptions& options,
    ReadProgress progress) {
  const std::string name = AdapterLabel(id, options.source);
  LORA_ASSIGN_OR_RETURN(const AdapterFiles files,
                        In(name, FindAdapterFiles(directory, options.check)));
  LORA_ASSIGN_OR_RETURN(std::unique_ptr<HostAdapter> adapter,
                        In(name, ReadFiles(files, base, options, progress)));
  adapter->key.id = id;
  return adapter;
}

}  // namespace lora
