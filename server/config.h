// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_CONFIG_H_
#define LORA_SERVER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace lora {

// Everything that can be set, as it was set: flags, then environment
// (LORA_SERVER_*), then --config FILE, then the defaults below.
struct Config {
  // Base model.
  std::string model;
  std::string device = "cpu";  // cpu | cuda
  std::string dtype = "auto";  // auto | f32 | bf16
  int threads = 0;             // 0: the CPUs that this process may use.

  // Adapters.
  std::vector<std::pair<std::string, std::string>> adapters;  // id, source
  std::vector<std::string> adapter_dirs;
  std::vector<std::string> adapter_roots;
  std::string state_dir;

  // Memory, in bytes; unset: what memory_plan.h makes of it.
  std::optional<int64_t> kv_memory;
  std::optional<int64_t> host_memory;
  std::optional<int64_t> device_memory;
  std::optional<int64_t> merged_memory;

  // Requests.
  int32_t max_queue = 1024;
  int32_t max_running = 64;
  int32_t max_context = 0;  // 0: the model's.
  int32_t max_prefill_tokens = 64;
  std::string auto_path = "auto";          // auto | unmerged
  std::string sampling_defaults = "none";  // none | model
  absl::Duration drain_timeout = absl::Seconds(30);

  // Network.
  std::string listen = "127.0.0.1:50051";
  std::string metrics_listen;  // Empty: no metrics endpoint.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::string auth_token_file;
  bool insecure = false;

  // Logs.
  std::string log_level = "info";
  std::string log_format = "text";  // text | json
};

// What the program does instead of serving: the code to exit with, after
// --help, --version or a usage error has been printed.
struct ExitNow {
  int code = 0;
};

// Reads the command line, the environment and the config file; prints what is
// wrong with them. The only place that knows the flags.
std::variant<Config, ExitNow> ParseConfig(int argc, char** argv);

}  // namespace lora

#endif  // LORA_SERVER_CONFIG_H_
