// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/prefix_key.h"

#include "absl/strings/str_cat.h"
#include "server/base/sha256.h"

namespace lora {
namespace {

// Length-prefixed, so that no two field lists have the same bytes.
void UpdateField(Sha256& hash, absl::string_view field) {
  hash.Update(absl::StrCat(field.size(), ":"));
  hash.Update(field);
}

template <typename T>
absl::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace

PrefixHasher::PrefixHasher(absl::string_view model_tag, ExecutionPath path,
                           absl::Span<const WeightedKey> adapters) {
  Sha256 hash;
  UpdateField(hash, model_tag);
  UpdateField(hash, BytesOf(path));
  for (const WeightedKey& adapter : adapters) {
    UpdateField(hash, adapter.key.id.value());
    UpdateField(hash, adapter.key.digest);
    UpdateField(hash, BytesOf(adapter.weight));
  }
  previous_ = hash.RawDigest();
}

PrefixKey PrefixHasher::Next(absl::Span<const int32_t> tokens) {
  Sha256 hash;
  hash.Update(previous_);
  hash.Update({reinterpret_cast<const char*>(tokens.data()),
               tokens.size() * sizeof(int32_t)});
  previous_ = hash.RawDigest();
  return PrefixKey{previous_};
}

}  // namespace lora
