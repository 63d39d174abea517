// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_SOURCE_FILE_ADAPTER_LOADER_H_
#define LORA_SERVER_ADAPTER_SOURCE_FILE_ADAPTER_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "server/adapter/adapter_loader.h"
#include "server/adapter/base_model_spec.h"
#include "server/adapter/format/adapter_reader.h"
#include "server/adapter/source/adapter_source.h"
#include "server/base/file.h"

namespace lora {

// Reads adapters for one base model from the files that a source gives.
// Immutable, so thread-safe.
class FileAdapterLoader final : public AdapterLoader {
 public:
  FileAdapterLoader(std::unique_ptr<AdapterSource> source, BaseModelSpec base,
                    ReadLimits limits)
      : source_(std::move(source)), base_(std::move(base)), limits_(limits) {}

  absl::StatusOr<int64_t> Measure(const std::string& source) override;
  absl::StatusOr<std::unique_ptr<HostAdapter>> Read(
      const AdapterId& id, const std::string& source,
      const AdapterLoadOptions& options, int64_t max_bytes,
      LoadProgress& progress) override;

 private:
  OpenedFileCheck CheckFor(const std::string& source) const;

  const std::unique_ptr<AdapterSource> source_;
  const BaseModelSpec base_;
  const ReadLimits limits_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_SOURCE_FILE_ADAPTER_LOADER_H_
