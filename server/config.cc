// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <istream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "server/base/version.h"

namespace lora {
namespace {

constexpr char kFooter[] = R"(Examples:
  # A base model and two adapters on loopback
  lora-server --model models/llama --adapter sql=adapters/sql \
      --adapter poet=adapters/poet

  # Load adapters by RPC from a folder, keep them over restarts
  lora-server --model models/llama --adapter-root /srv/adapters \
      --state-dir /var/lib/lora-server

  # On the network: TLS with client certificates
  lora-server --model models/llama --listen 0.0.0.0:50051 \
      --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem

Every flag but --config can also be set as LORA_SERVER_<FLAG> (dashes become
underscores) or in a --config file (TOML or INI: one "flag = value" a line, and a line a value
where a flag may be repeated). The command line wins over the environment, and
the environment over the file.)";

// A PiB: sums of budgets fit.
constexpr int64_t kMaxBytes = int64_t{1} << 50;

std::string EnvName(const std::string& flag) {
  std::string name = "LORA_SERVER_";
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(c));
  }
  return name;
}

// The --config file. CLI11's own reader drops keys that no flag has, and all
// but the first run of lines with one key; and it lets the file win over the
// environment.
class ConfigFile final : public CLI::ConfigTOML {
 public:
  // Reads for `app`, which must outlive it.
  explicit ConfigFile(const CLI::App& app) : app_(app) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> items;
    for (CLI::ConfigItem& item : CLI::ConfigTOML::from_config(input)) {
      const char* value = std::getenv(OptionOf(item).get_envname().c_str());
      if (value != nullptr && *value != '\0') continue;
      const auto same = std::find_if(
          items.begin(), items.end(),
          [&](const auto& other) { return other.name == item.name; });
      if (same == items.end()) {
        items.push_back(std::move(item));
      } else {
        same->inputs.insert(same->inputs.end(), item.inputs.begin(),
                            item.inputs.end());
      }
    }
    return items;
  }

 private:
  const CLI::Option& OptionOf(const CLI::ConfigItem& item) const {
    if (!item.parents.empty()) {
      throw CLI::ConfigError(
          absl::StrCat("--config: found section [", item.parents.front(),
                       "]; write the flags without sections"));
    }
    const CLI::Option* option =
        app_.get_option_no_throw(absl::StrCat("--", item.name));
    if (option == nullptr) {
      throw CLI::ConfigError(
          absl::StrCat("--config: there is no flag '", item.name,
                       "'; see --help for their names, which have dashes"));
    }
    return *option;
  }

  const CLI::App& app_;
};

// Adds --name with its environment variable, default and help.
template <typename T>
CLI::Option* Add(CLI::App& app, const std::string& name, T& value,
                 const std::string& help) {
  return app.add_option(absl::StrCat("--", name), value, help)
      ->envname(EnvName(name))
      ->capture_default_str();
}

// A budget in bytes; `by_default` says what it is where it stays unset.
CLI::Option* AddBytes(CLI::App& app, const std::string& name,
                      std::optional<int64_t>& bytes,
                      const std::string& by_default, const std::string& help) {
  return app.add_option(absl::StrCat("--", name), bytes, help)
      ->envname(EnvName(name))
      ->default_str(by_default)
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(int64_t{0}, kMaxBytes).description(""))
      ->type_name("BYTES");
}

// "30s" → Duration; a bare number is an error.
CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         absl::Duration& duration, const std::string& help) {
  return app
      .add_option_function<std::string>(
          absl::StrCat("--", name),
          [&duration, name](const std::string& text) {
            if (!absl::ParseDuration(text, &duration) ||
                duration < absl::ZeroDuration()) {
              throw CLI::ValidationError(
                  absl::StrCat("--", name),
                  absl::StrCat("'", text, "' is no duration; write 30s or 2m"));
            }
          },
          help)
      ->envname(EnvName(name))
      ->default_str(absl::FormatDuration(duration))
      ->type_name("DURATION");
}

void AddModelFlags(CLI::App& app, Config& config) {
  const std::string group = "Base model";
  Add(app, "model", config.model,
      "Folder of the base model: config.json, weights, tokenizer.json")
      ->required()
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR")
      ->group(group);
  Add(app, "device", config.device, "Where the model runs")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->group(group);
  Add(app, "dtype", config.dtype, "What the forward pass computes in")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}))
      ->group(group);
  Add(app, "threads", config.threads,
      "Compute threads; 0: the CPUs that this process may use")
      ->check(CLI::Range(0, 1024))
      ->group(group);
}

void AddAdapterFlags(CLI::App& app, Config& config) {
  const std::string group = "Adapters";
  app.add_option_function<std::vector<std::string>>(
         "--adapter",
         [&config](const std::vector<std::string>& values) {
           for (const std::string& value : values) {
             const size_t equals = value.find('=');
             if (equals == std::string::npos) {
               throw CLI::ValidationError(
                   "--adapter",
                   absl::StrCat("'", value, "' must be ID=SOURCE"));
             }
             config.adapters.emplace_back(value.substr(0, equals),
                                          value.substr(equals + 1));
           }
         },
         "An adapter to register at start; read when it is first used")
      ->type_name("ID=SOURCE")
      ->envname(EnvName("adapter"))
      ->group(group);
  Add(app, "adapter-dir", config.adapter_dirs,
      "Register every adapter in this folder, by its folder's name")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR")
      ->group(group);
  Add(app, "adapter-root", config.adapter_roots,
      "LoadAdapter may read below this folder; none: only what is named at "
      "start")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR")
      ->group(group);
  Add(app, "state-dir", config.state_dir,
      "Remember the declared adapters here over restarts; made if need be, "
      "and no other server's. What --adapter and --adapter-dir name wins over "
      "what is remembered")
      ->type_name("DIR")
      ->group(group);
}

void AddMemoryFlags(CLI::App& app, Config& config) {
  const std::string group = "Memory";
  const std::string two = "2GiB, less if it does not fit";
  AddBytes(app, "kv-memory", config.kv_memory, "1GiB, less if it does not fit",
           "Keys and values of sequences")
      ->group(group);
  AddBytes(app, "host-memory", config.host_memory, two,
           "Adapters in host memory, as read")
      ->group(group);
  AddBytes(app, "device-memory", config.device_memory, two,
           "Adapters ready to compute with")
      ->group(group);
  AddBytes(app, "merged-memory", config.merged_memory, two,
           "Merged copies of the weights")
      ->group(group);
}

void AddRequestFlags(CLI::App& app, Config& config) {
  const std::string group = "Requests";
  const auto positive = CLI::Range(1, 1 << 30);
  Add(app, "max-queue", config.max_queue,
      "Requests that may wait; when all "
      "places are taken, adapters with less than their share may still queue")
      ->check(positive)
      ->group(group);
  Add(app, "max-running", config.max_running, "Requests in one batch")
      ->check(CLI::Range(1, 4096))
      ->group(group);
  Add(app, "max-context", config.max_context,
      "Longest prompt plus answer, in tokens; 0: what the model allows")
      ->check(CLI::Range(0, 1 << 30))
      ->group(group);
  Add(app, "max-prefill-tokens", config.max_prefill_tokens,
      "Prompt tokens in one step; fewer: steadier streams, slower prompts")
      ->check(positive)
      ->group(group);
  Add(app, "auto-path", config.auto_path,
      "What path AUTO may choose; unmerged pins it")
      ->check(CLI::IsMember({"auto", "unmerged"}))
      ->group(group);
  Add(app, "sampling-defaults", config.sampling_defaults,
      "What requests get that leave sampling fields unset: none (greedy), or "
      "what the model's generation_config.json says")
      ->check(CLI::IsMember({"none", "model"}))
      ->group(group);
  AddDuration(app, "drain-timeout", config.drain_timeout,
              "How long to finish running requests on SIGTERM")
      ->group(group);
}

void AddNetworkFlags(CLI::App& app, Config& config) {
  const std::string group = "Network";
  Add(app, "listen", config.listen, "Address of the gRPC server")
      ->type_name("HOST:PORT")
      ->group(group);
  Add(app, "metrics-listen", config.metrics_listen,
      "Serve Prometheus metrics here (GET /metrics)")
      ->type_name("HOST:PORT")
      ->group(group);
  Add(app, "tls-cert", config.tls_cert, "Certificate chain (PEM)")
      ->type_name("FILE")
      ->group(group);
  Add(app, "tls-key", config.tls_key, "Private key (PEM)")
      ->type_name("FILE")
      ->group(group);
  Add(app, "tls-client-ca", config.tls_client_ca,
      "Clients must present a certificate of this authority (PEM)")
      ->type_name("FILE")
      ->group(group);
  Add(app, "auth-token-file", config.auth_token_file,
      "Calls must carry the bearer token in this file")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--insecure", config.insecure,
               "Listen off loopback without client certificates or a token")
      ->envname(EnvName("insecure"))
      ->group(group);
}

void AddLogFlags(CLI::App& app, Config& config) {
  const std::string group = "Logs";
  Add(app, "log-level", config.log_level, "Least level to log")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->group(group);
  Add(app, "log-format", config.log_format, "One line an event, on stderr")
      ->check(CLI::IsMember({"text", "json"}))
      ->group(group);
}

}  // namespace

std::variant<Config, ExitNow> ParseConfig(int argc, char** argv) {
  Config config;
  CLI::App app("Serves one base model and many LoRA adapters over gRPC.",
               "lora-server");
  app.set_version_flag("--version", absl::StrCat("lora-server ", Version()));
  app.set_config("--config", "", "Read flags from this file");
  app.config_formatter(std::make_shared<ConfigFile>(app));
  app.footer(kFooter);
  AddModelFlags(app, config);
  AddAdapterFlags(app, config);
  AddMemoryFlags(app, config);
  AddRequestFlags(app, config);
  AddNetworkFlags(app, config);
  AddLogFlags(app, config);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own codes differ by error; 2 is the code for wrong usage.
    return ExitNow{app.exit(error) == 0 ? 0 : 2};
  }
  return config;
}

}  // namespace lora
