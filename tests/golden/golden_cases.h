// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_GOLDEN_GOLDEN_CASES_H_
#define LORA_TESTS_GOLDEN_GOLDEN_CASES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/golden/decoder_driver.h"

namespace lora {

// Where the committed models, adapters and answers are.
inline constexpr char kGoldenRoot[] = "tests/golden/";

// One request and what PEFT on transformers answered; see README.md.
struct GoldenCase {
  struct Adapter {
    std::string directory;
    float weight = 1.0f;
  };
  std::string name;
  std::vector<Adapter> adapters;
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> greedy_ids;
  int64_t first_position = 0;  // Of the first row of logits.
  at::Tensor logits;           // Float32 [rows, vocab].
};

// The names under models/, adapters/ and cases/.
std::vector<std::string> GoldenFamilies();

// Ends the test program if the files cannot be read.
std::vector<GoldenCase> LoadGoldenCases(const std::string& family);

// The cases as requests whose answers are already there, so that every position
// of prompt and answer is computed.
std::vector<DriverRequest> GoldenRequests(LoadedModel& loaded,
                                          const std::vector<GoldenCase>& cases);

}  // namespace lora

#endif  // LORA_TESTS_GOLDEN_GOLDEN_CASES_H_
