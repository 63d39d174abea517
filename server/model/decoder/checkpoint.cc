// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/checkpoint.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/file.h"
#include "server/base/json.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/model/base_error.h"
#include "server/tensorfile/safetensors_view.h"

namespace lora {
namespace {

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr int64_t kMaxIndexBytes = int64_t{64} << 20;

bool IsPlainName(absl::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         !absl::StrContains(name, '/') && !absl::StrContains(name, '\\') &&
         !absl::StrContains(name, '\0');
}

// The index's `weight_map`.
absl::StatusOr<Json> ParseWeightMap(absl::string_view text) {
  absl::StatusOr<Json> index =
      ParseJson(text, {.max_bytes = static_cast<size_t>(kMaxIndexBytes)});
  if (!index.ok()) {
    return BaseError(absl::StrCat(kIndexFile, ": ", index.status().message()));
  }
  const auto map = index->find("weight_map");
  if (map == index->end() || !map->is_object() || map->empty()) {
    return BaseError(
        absl::StrCat(kIndexFile,
                     ": \"weight_map\" is missing or not an object of tensor "
                     "names and file names"));
  }
  return std::move(*map);
}

}  // namespace

struct Checkpoint::File {
  std::string name;
  MappedFile mapping;
  SafetensorsView view;
};

bool CheckpointTensor::aligned() const {
  const uintptr_t item_bytes =
      static_cast<uintptr_t>(std::max(DtypeBits(info->dtype) / 8, 1));
  return reinterpret_cast<uintptr_t>(bytes.data()) % item_bytes == 0;
}

Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::string& directory) {
  Checkpoint checkpoint;
  const absl::Status single = checkpoint.AddFile(directory, kSingleFile);
  if (single.ok()) {
    LORA_RETURN_IF_ERROR(checkpoint.AddAllTensors());
    return checkpoint;
  }
  if (!absl::IsNotFound(single)) return single;
  const absl::StatusOr<std::string> index =
      ReadFile(absl::StrCat(directory, "/", kIndexFile), kMaxIndexBytes);
  if (absl::IsNotFound(index.status())) {
    return BaseError(absl::StrCat(
        directory, " holds neither ", kSingleFile, " nor ", kIndexFile,
        "; weights in other formats must be converted to safetensors"));
  }
  if (!index.ok()) return BaseError(index.status().message());
  LORA_RETURN_IF_ERROR(checkpoint.AddShards(directory, *index));
  return checkpoint;
}

// NOT_FOUND stays, so that the caller can try another name.
absl::Status Checkpoint::AddFile(const std::string& directory,
                                 const std::string& name) {
  absl::StatusOr<MappedFile> mapping =
      MappedFile::Open(absl::StrCat(directory, "/", name));
  if (absl::IsNotFound(mapping.status())) return mapping.status();
  if (!mapping.ok()) return BaseError(mapping.status().message());
  absl::StatusOr<SafetensorsView> view =
      SafetensorsView::Parse(mapping->bytes());
  if (!view.ok()) {
    return BaseError(
        absl::StrCat(directory, "/", name, ": ", view.status().message()));
  }
  files_.push_back(std::make_unique<File>(
      File{name, *std::move(mapping), *std::move(view)}));
  return absl::OkStatus();
}

absl::Status Checkpoint::AddAllTensors() {
  const SafetensorsView& view = files_.front()->view;
  for (const TensorInfo& info : view.tensors()) {
    tensors_.emplace(info.name, CheckpointTensor{&info, view.Data(info)});
  }
  return absl::OkStatus();
}

absl::Status Checkpoint::AddShards(const std::string& directory,
                                   absl::string_view index_json) {
  LORA_ASSIGN_OR_RETURN(const Json weight_map, ParseWeightMap(index_json));
  absl::flat_hash_map<std::string, const SafetensorsView*> views;
  for (const auto& [tensor, file] : weight_map.items()) {
    if (!file.is_string() || !IsPlainName(file.get<std::string>())) {
      return BaseError(
          absl::StrCat(kIndexFile, ": \"", tensor, "\" is in ", file.dump(),
                       ", expected the name of a file beside the index"));
    }
    const std::string name = file.get<std::string>();
    const SafetensorsView*& view = views[name];
    if (view == nullptr) {
      const absl::Status added = AddFile(directory, name);
      if (absl::IsNotFound(added)) {
        return BaseError(absl::StrCat(kIndexFile, " names ", name,
                                      ", which is missing; download the "
                                      "model again"));
      }
      LORA_RETURN_IF_ERROR(added);
      view = &files_.back()->view;
    }
    const TensorInfo* info = view->Find(tensor);
    if (info == nullptr) {
      return BaseError(absl::StrCat(kIndexFile, ": tensor \"", tensor,
                                    "\" is not in ", name));
    }
    tensors_.emplace(tensor, CheckpointTensor{info, view->Data(*info)});
  }
  return absl::OkStatus();
}

std::optional<CheckpointTensor> Checkpoint::Find(absl::string_view name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) return std::nullopt;
  return it->second;
}

std::vector<std::string> Checkpoint::TensorNames() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string Checkpoint::Digest() const {
  constexpr size_t kSamples = 64;
  constexpr size_t kSampleBytes = 4096;
  Sha256 digest;
  for (const std::unique_ptr<File>& file : files_) {
    const absl::string_view bytes = file->mapping.bytes();
    const std::vector<TensorInfo>& tensors = file->view.tensors();
    const size_t header_bytes =
        tensors.empty() ? bytes.size() : file->view.FileOffset(tensors.front());
    digest.Update(absl::StrCat(file->name, "\n", bytes.size(), "\n"));
    digest.Update(bytes.substr(0, header_bytes));
    const absl::string_view data = bytes.substr(header_bytes);
    const size_t stride = std::max(kSampleBytes, data.size() / kSamples + 1);
    for (size_t offset = 0; offset < data.size(); offset += stride) {
      digest.Update(data.substr(offset, kSampleBytes));
    }
  }
  return digest.HexDigest();
}

}  // namespace lora
