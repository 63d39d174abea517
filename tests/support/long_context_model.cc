// SPDX-License-Identifier: Apache-2.0
#include "tests/support/long_context_model.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace lora {
namespace {

constexpr int32_t kContext = 100'000;
constexpr int32_t kForever = 99'000;

}  // namespace

LongContextModel::LongContextModel() {
  const std::filesystem::path base = "examples/skills/base";
  for (const auto& entry : std::filesystem::directory_iterator(base)) {
    std::filesystem::copy_file(entry.path(),
                               folder_.path() / entry.path().filename());
  }
  std::ifstream in(base / "config.json");
  const std::string config{std::istreambuf_iterator<char>(in), {}};
  std::ofstream(folder_.path() / "config.json") << absl::StrReplaceAll(
      config, {{"\"max_position_embeddings\": 256",
                absl::StrCat("\"max_position_embeddings\": ", kContext)}});
}

v1::GenerateRequest AskForTokens(int32_t num_tokens,
                                 const std::string& adapter) {
  v1::GenerateRequest request;
  request.set_text("hello>");
  request.set_max_new_tokens(num_tokens);
  request.set_ignore_eos(true);
  request.set_path(v1::UNMERGED);
  if (!adapter.empty()) request.add_adapters()->set_adapter_id(adapter);
  return request;
}

v1::GenerateRequest AskForever(const std::string& adapter) {
  return AskForTokens(kForever, adapter);
}

}  // namespace lora
