// SPDX-License-Identifier: Apache-2.0
#include "server/adapter/format/file_content.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace lora {
namespace {

constexpr size_t kTarMagicOffset = 257;

// A safetensors file starts with a length below 2^27 and then "{". The length
// alone may look like the start of a pickle: 640 is "\x80\x02".
bool LooksLikeSafetensors(absl::string_view head) {
  return head.size() > 8 && head[8] == '{' && head[4] == 0 && head[5] == 0 &&
         head[6] == 0 && head[7] == 0;
}

bool IsPickle(absl::string_view head) {
  return head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5;
}

bool IsArchive(absl::string_view head) {
  return absl::StartsWith(head, "PK\x03\x04") ||
         (head.size() > kTarMagicOffset &&
          absl::StartsWith(head.substr(kTarMagicOffset), "ustar"));
}

absl::Status Unimplemented(absl::string_view format) {
  return Error(
      absl::StatusCode::kUnimplemented, ErrorReason::kFeature,
      absl::StrCat("is a ", format, " file; only safetensors files are read"));
}

}  // namespace

absl::Status CheckFirstBytes(absl::string_view head) {
  if (LooksLikeSafetensors(head)) return absl::OkStatus();
  if (IsLfsPointer(head)) {
    return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kLfsPointer,
                 "is a Git LFS pointer, not the weights; run \"git lfs pull\" "
                 "where it was cloned");
  }
  if (IsPickle(head)) return PickleRefused("holds a Python pickle");
  if (IsArchive(head)) return PickleRefused("holds a zip or tar archive");
  if (absl::StartsWith(head, "GGUF")) return Unimplemented("GGUF");
  if (absl::StartsWith(head, "\x89HDF\r\n\x1a\n")) return Unimplemented("HDF5");
  return absl::OkStatus();
}

bool IsLfsPointer(absl::string_view head) {
  return absl::StartsWith(head, "version https://git-lfs");
}

bool HasPickleName(absl::string_view name) {
  for (const absl::string_view other :
       {"training_args", "optimizer", "scheduler", "rng_state"}) {
    if (absl::StartsWith(name, other)) return false;
  }
  for (const absl::string_view ending :
       {".bin", ".pt", ".pth", ".ckpt", ".pkl"}) {
    if (absl::EndsWith(name, ending)) return true;
  }
  return false;
}

absl::Status PickleRefused(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, ErrorReason::kPickleRefused,
               absl::StrCat(what,
                            ", and loading a pickle can run any code; convert "
                            "the weights to safetensors"));
}

}  // namespace lora
