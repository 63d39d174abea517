// SPDX-License-Identifier: Apache-2.0
// bench-model: writes a base model and adapters with random weights.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/models/random_model.h"
#include "server/base/status_macros.h"
#include "server/base/version.h"

namespace lora {
namespace {

constexpr char kFooter[] = R"(
Writes DIR/base, a Llama of the named shapes, and DIR/adapters/a0, a1, …, PEFT
LoRA adapters over all of its linear layers. The same arguments, the same bytes.

Example:
  bench-model --out /tmp/bench --shape 0.5b --adapters 8 --rank 16
  lora-server --model /tmp/bench/base --adapter-dir /tmp/bench/adapters

Exit codes: 0 OK, 1 could not write, 2 usage.)";

struct Flags {
  std::string out;
  ModelShape shape = kShape05B;
  int64_t adapters = 8;
  int64_t rank = 16;
  uint64_t seed = 1;
};

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("cannot make the folder ", path, ": ", error.message()));
}

absl::Status Write(const Flags& flags) {
  const std::string base = flags.out + "/base";
  LORA_RETURN_IF_ERROR(MakeFolder(base));
  LORA_RETURN_IF_ERROR(WriteRandomModel(base, flags.shape, flags.seed));
  for (int64_t i = 0; i < flags.adapters; ++i) {
    const std::string adapter = absl::StrCat(flags.out, "/adapters/a", i);
    LORA_RETURN_IF_ERROR(MakeFolder(adapter));
    LORA_RETURN_IF_ERROR(WriteRandomAdapter(adapter, flags.shape, flags.rank,
                                            flags.seed + 1 + i));
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app("Writes a random base model and adapters for benchmarks.",
               "bench-model");
  app.set_version_flag("--version", absl::StrCat("bench-model ", Version()));
  app.footer(kFooter);
  Flags flags;
  std::string shape = "0.5b";
  const std::map<std::string, ModelShape> shapes = {{"0.5b", kShape05B},
                                                    {"1.1b", kShape11B}};
  app.add_option("--out", flags.out, "Folder to write to")->required();
  app.add_option("--shape", shape, "0.5b (Qwen2.5) or 1.1b (TinyLlama)")
      ->check(CLI::IsMember(shapes))
      ->capture_default_str();
  app.add_option("--adapters", flags.adapters, "How many adapters")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  app.add_option("--rank", flags.rank, "Rank of each")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "Other seeds, other weights")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  flags.shape = shapes.at(shape);
  const absl::Status status = Write(flags);
  if (status.ok()) return 0;
  std::cerr << "error: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace lora

int main(int argc, char** argv) { return lora::Main(argc, argv); }
