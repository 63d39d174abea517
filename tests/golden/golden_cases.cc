// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/golden_cases.h"

#include <ATen/ops/empty.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/file.h"
#include "server/base/json.h"
#include "server/tensorfile/safetensors_view.h"

namespace lora {
namespace {

constexpr int64_t kMaxBytes = int64_t{16} << 20;

at::Tensor CopyTensor(const SafetensorsView& view, const std::string& name) {
  const TensorInfo& info = *view.Find(name);
  at::Tensor tensor = at::empty(info.shape, at::kFloat);
  std::memcpy(tensor.mutable_data_ptr(), view.Data(info).data(), info.bytes());
  return tensor;
}

GoldenCase ParseCase(const Json& json, const SafetensorsView& view) {
  GoldenCase golden;
  golden.name = json.at("name").get<std::string>();
  for (const Json& adapter : json.at("adapters")) {
    golden.adapters.push_back(
        {absl::StrCat(kGoldenRoot, adapter.at("dir").get<std::string>()),
         adapter.at("weight").get<float>()});
  }
  golden.prompt_ids = json.at("prompt_ids").get<std::vector<int32_t>>();
  golden.greedy_ids = json.at("greedy_ids").get<std::vector<int32_t>>();
  golden.first_position = json.at("first_position").get<int64_t>();
  golden.logits = CopyTensor(view, absl::StrCat(golden.name, ".logits"));
  return golden;
}

}  // namespace

std::vector<std::string> GoldenFamilies() {
  return {"llama",      "llama_tied_llama3", "llama_linear", "llama_dynamic",
          "llama_yarn", "llama_bias",        "llama_fp16",   "mistral",
          "qwen2",      "qwen2_window",      "qwen3",        "qwen3_tied_yarn"};
}

std::vector<GoldenCase> LoadGoldenCases(const std::string& family) {
  const std::string stem = absl::StrCat(kGoldenRoot, "cases/", family);
  const std::string text = ReadFile(stem + ".json", kMaxBytes).value();
  const std::string bytes = ReadFile(stem + ".safetensors", kMaxBytes).value();
  const Json list = ParseJson(text).value();
  const SafetensorsView view = SafetensorsView::Parse(bytes).value();
  std::vector<GoldenCase> cases;
  for (const Json& json : list) cases.push_back(ParseCase(json, view));
  return cases;
}

std::vector<DriverRequest> GoldenRequests(
    LoadedModel& loaded, const std::vector<GoldenCase>& cases) {
  std::vector<DriverRequest> requests;
  for (const GoldenCase& golden : cases) {
    DriverRequest& request = requests.emplace_back();
    request.tokens = golden.prompt_ids;
    request.prompt_length = static_cast<int32_t>(golden.prompt_ids.size());
    // The last token is chosen, never computed.
    request.tokens.insert(request.tokens.end(), golden.greedy_ids.begin(),
                          golden.greedy_ids.end() - 1);
    for (const GoldenCase::Adapter& adapter : golden.adapters) {
      request.adapters.push_back(
          {&loaded.Adapter(adapter.directory), adapter.weight});
    }
  }
  return requests;
}

}  // namespace lora
