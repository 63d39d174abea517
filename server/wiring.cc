// SPDX-License-Identifier: Apache-2.0
#include "server/wiring.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "prometheus/registry.h"
#include "server/adapter/adapter_manager.h"
#include "server/adapter/adapter_manifest.h"
#include "server/adapter/source/directory_source.h"
#include "server/adapter/source/file_adapter_loader.h"
#include "server/base/clock.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/machine.h"
#include "server/base/reclaimer.h"
#include "server/base/status_macros.h"
#include "server/engine/decoder_executor.h"
#include "server/engine/engine_impl.h"
#include "server/engine/engine_metrics.h"
#include "server/engine/merge_worker_impl.h"
#include "server/engine/prompt_builder.h"
#include "server/lora/torch_uploader.h"
#include "server/memory_plan.h"
#include "server/model/decoder/decoder_model.h"
#include "server/model/device.h"
#include "server/model/kv_cache.h"
#include "server/named_adapters.h"
#include "server/rpc/metrics_server.h"
#include "server/rpc/server.h"
#include "server/rpc_options.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {
namespace {

// More blocks than this only make the tables long: tiny models.
constexpr int64_t kMaxKvBlocks = int64_t{1} << 20;
constexpr absl::Duration kCloseTimeout = absl::Seconds(1);

ModelDtype DtypeOf(const Config& config) {
  if (config.dtype == "f32") return ModelDtype::kF32;
  if (config.dtype == "bf16") return ModelDtype::kBF16;
  return ModelDtype::kAuto;
}

absl::StatusOr<MachineMemory> MeasureMemory(at::Device device) {
  MachineMemory memory{.host_bytes = AvailableMemoryBytes()};
  if (!device.is_cpu()) {
    LORA_ASSIGN_OR_RETURN(memory.device_bytes, FreeDeviceBytes(device));
  }
  return memory;
}

void LogBudgets(const MemoryBudgets& budgets) {
  LogInfo("memory_budgets", {{"kv_bytes", budgets.kv},
                             {"host_bytes", budgets.host},
                             {"device_bytes", budgets.device},
                             {"merged_bytes", budgets.merged}});
}

struct LoadedModel {
  std::unique_ptr<DecoderModel> model;
  MemoryBudgets budgets;
};

absl::StatusOr<LoadedModel> LoadModel(const Config& config) {
  LoadOptions options;
  options.dtype = DtypeOf(config);
  options.device = config.device == "cuda" ? at::kCUDA : at::kCPU;
  if (const absl::Status usable = CheckDevice(options.device); !usable.ok()) {
    return Annotate(usable, absl::StrCat("--device ", config.device));
  }
  LORA_ASSIGN_OR_RETURN(const MachineMemory memory,
                        MeasureMemory(options.device));
  MemoryBudgets budgets;
  options.admit = [&](const ModelNeeds& needs) {
    const absl::StatusOr<MemoryBudgets> plan =
        PlanMemory(config, memory,
                   {.weight_bytes = needs.weight_bytes,
                    .staging_bytes = needs.staging_bytes,
                    .row_bytes = needs.row_bytes,
                    .logit_row_bytes = needs.logit_row_bytes,
                    .kv_block_bytes = KvCache::BytesPerBlock(needs.kv)});
    if (plan.ok()) LogBudgets(budgets = *plan);
    return plan.status();
  };
  options.progress = [](int64_t loaded, int64_t total) {
    LogInfo("model_loading",
            {{"loaded_bytes", loaded}, {"total_bytes", total}});
  };
  absl::StatusOr<std::unique_ptr<DecoderModel>> model =
      DecoderModel::Load(config.model, options);
  if (!model.ok()) return Annotate(model.status(), "--model");
  for (const std::string& warning : (*model)->config().warnings) {
    LogWarn("model_warning", {{"text", warning}});
  }
  return LoadedModel{.model = *std::move(model), .budgets = budgets};
}

// Before the base model is read, which takes a while.
absl::Status CheckStateDir(const std::string& state_dir) {
  const absl::Status status = AdapterManifest(state_dir).Open().status();
  return status.ok() ? status : Annotate(status, "--state-dir");
}

EngineOptions MakeEngineOptions(const Config& config, const DecoderModel& model,
                                const Tokenizer& tokenizer, int threads,
                                int64_t num_blocks) {
  const DecoderConfig& decoder = model.config();
  const bool bf16 = model.dtype() == at::kBFloat16;
  EngineOptions options;
  options.num_kv_blocks = static_cast<int32_t>(num_blocks);
  options.kv_block_size = static_cast<int32_t>(model.kv_shape().block_size);
  options.kv_bytes_per_block = KvCache::BytesPerBlock(model.kv_shape());
  options.max_queue = config.max_queue;
  options.scheduler.max_running = config.max_running;
  options.scheduler.max_prefill_tokens_per_step = config.max_prefill_tokens;
  options.scheduler.max_tokens_per_step =
      config.max_running + config.max_prefill_tokens;
  options.scheduler.model_tag =
      absl::StrCat(model.spec().fingerprint, bf16 ? "/bf16" : "/f32");
  int64_t context = std::min<int64_t>(decoder.max_context(),
                                      num_blocks * options.kv_block_size - 1);
  if (config.max_context > 0) {
    context = std::min<int64_t>(context, config.max_context);
  }
  options.limits = {.vocab_size = static_cast<int32_t>(decoder.vocab_size),
                    .max_prompt_bytes = context * LongestPieceBytes(tokenizer),
                    .max_context = static_cast<int32_t>(context),
                    .end_token_ids = decoder.eos_token_ids,
                    .max_shared_prompt = decoder.max_shared_prompt()};
  EngineInfo& info = options.info;
  info.base_name = model.spec().name;
  info.model_type = decoder.model_type;
  info.fingerprint = model.spec().fingerprint;
  info.weight_bytes = model.weight_bytes();
  info.num_parameters = model.num_parameters();
  info.num_layers = static_cast<int32_t>(decoder.num_layers);
  info.vocab_size = options.limits.vocab_size;
  info.max_context = options.limits.max_context;
  info.end_token_ids = decoder.eos_token_ids;
  info.has_chat_template = tokenizer.chat_template() != nullptr;
  info.sampling = {
      .do_sample = decoder.sampling.do_sample,
      .fields = {.temperature = decoder.sampling.temperature,
                 .top_k = decoder.sampling.top_k,
                 .top_p = decoder.sampling.top_p,
                 .min_p = decoder.sampling.min_p,
                 .repetition_penalty = decoder.sampling.repetition_penalty},
      .in_use = config.sampling_defaults == "model"};
  if (info.sampling.in_use) {
    options.limits.sampling_defaults = DefaultsOf(info.sampling);
  }
  info.device = config.device;
  info.dtype = bf16 ? "bf16" : "f32";
  info.threads = threads;
  return options;
}

}  // namespace

// In order of construction; each uses only what stands above it, except the
// network fronts, which are made first and closed first.
struct Server::Parts {
  ~Parts();

  RealClock clock;
  Reclaimer reclaimer;
  std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>();
  MemoryBudgets budgets;
  std::unique_ptr<DecoderModel> model;
  std::unique_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<TorchUploader> uploader;
  std::unique_ptr<AdapterManager> adapters;
  std::unique_ptr<EngineMetrics> metrics;
  std::unique_ptr<DecoderExecutor> executor;
  std::unique_ptr<MergeWorkerImpl> merges;
  std::unique_ptr<EngineImpl> engine;
  std::unique_ptr<MetricsServer> metrics_server;
  std::unique_ptr<RpcServer> rpc;

  absl::Status OpenFronts(const Config& config);
  absl::Status BuildAdapterPlane(const Config& config,
                                 const std::vector<NamedAdapter>& named);
  absl::Status BuildEngine(const Config& config);
};

// The one order in which everything ends. Callbacks of the plane and of merges
// call the engine, so no object goes before the last of them has come: first
// nobody calls, then no request runs, then no merge, then no load. Only then
// are the objects destroyed, the last one first.
Server::Parts::~Parts() {
  rpc.reset();
  if (engine != nullptr) engine->Drain(absl::InfinitePast()).IgnoreError();
  if (merges != nullptr) merges->Stop();
  if (adapters != nullptr) adapters->Close();
}

absl::Status Server::Parts::OpenFronts(const Config& config) {
  LORA_ASSIGN_OR_RETURN(rpc,
                        RpcServer::Start(MakeRpcOptions(config), *registry));
  if (!config.metrics_listen.empty()) {
    LORA_ASSIGN_OR_RETURN(
        metrics_server, MetricsServer::Start(config.metrics_listen, registry));
    LogInfo("metrics_listening", {{"address", config.metrics_listen},
                                  {"port", metrics_server->port()}});
  }
  return absl::OkStatus();
}

absl::Status Server::Parts::BuildAdapterPlane(
    const Config& config, const std::vector<NamedAdapter>& named) {
  DirectorySourceOptions sources{.roots = config.adapter_roots};
  for (const NamedAdapter& adapter : named) {
    sources.named_at_start.push_back(adapter.source);
  }
  LORA_ASSIGN_OR_RETURN(auto source, DirectorySource::Create(sources));
  uploader = std::make_unique<TorchUploader>(model->spec(), model->dtype(),
                                             model->device());
  AdapterManagerOptions options;
  options.store.host_capacity_bytes = budgets.host;
  options.store.device_capacity_bytes = budgets.device;
  options.store.host_copy =
      config.device == "cuda" ? HostCopy::kKeep : HostCopy::kDropAfterUpload;
  options.state_dir = config.state_dir;
  LORA_ASSIGN_OR_RETURN(adapters,
                        AdapterManager::Create(
                            std::move(options),
                            std::make_unique<FileAdapterLoader>(
                                std::move(source), model->spec(), ReadLimits()),
                            uploader.get(), &clock));
  for (const NamedAdapter& adapter : named) {
    const absl::Status registered =
        adapters->Register({.id = adapter.id, .source = adapter.source});
    if (!registered.ok()) return Annotate(registered, adapter.flag);
  }
  adapters->LoadPinned();
  return absl::OkStatus();
}

absl::Status Server::Parts::BuildEngine(const Config& config) {
  const int threads = config.threads > 0 ? config.threads : AvailableCpus();
  const int64_t num_blocks = std::min(
      kMaxKvBlocks, budgets.kv / KvCache::BytesPerBlock(model->kv_shape()));
  LORA_ASSIGN_OR_RETURN(
      KvCache cache,
      KvCache::Create(model->kv_shape(), num_blocks, model->device()));
  metrics = std::make_unique<EngineMetrics>(*registry);
  executor =
      std::make_unique<DecoderExecutor>(model.get(), std::move(cache), threads);
  merges = std::make_unique<MergeWorkerImpl>(
      MergeWorkerImpl::Options{.capacity_bytes = budgets.merged,
                               .auto_path = config.auto_path == "auto"},
      MergeWorkerImpl::Parts{.model = model.get(),
                             .adapters = adapters.get(),
                             .residency = &adapters->residency(),
                             .reclaimer = &reclaimer,
                             .metrics = metrics.get(),
                             .clock = &clock});
  engine = std::make_unique<EngineImpl>(
      MakeEngineOptions(config, *model, *tokenizer, threads, num_blocks),
      EngineImpl::Parts{.tokenizer = tokenizer.get(),
                        .adapters = adapters.get(),
                        .residency = &adapters->residency(),
                        .adapter_stats = [this] { return adapters->Stats(); },
                        .executor = executor.get(),
                        .merges = merges.get(),
                        .metrics = metrics.get(),
                        .clock = &clock});
  adapters->AddDependent(engine.get());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const Config& config, absl::FunctionRef<void()> before_ready) {
  const absl::Time begin = absl::Now();
  auto parts = std::make_unique<Parts>();
  LORA_ASSIGN_OR_RETURN(const std::vector<NamedAdapter> named,
                        AdaptersNamedAtStart(config));
  LORA_RETURN_IF_ERROR(CheckStateDir(config.state_dir));
  LORA_RETURN_IF_ERROR(parts->OpenFronts(config));
  LORA_ASSIGN_OR_RETURN(parts->tokenizer, Tokenizer::Load(config.model));
  LORA_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(config));
  // Loading may take every processor; what serves has threads of its own
  // (--threads), beside which merges and uploads each take one.
  at::set_num_threads(1);
  parts->budgets = loaded.budgets;
  parts->model = std::move(loaded.model);
  LORA_RETURN_IF_ERROR(parts->BuildAdapterPlane(config, named));
  LORA_RETURN_IF_ERROR(parts->BuildEngine(config));
  before_ready();
  parts->rpc->SetReady(*parts->engine, *parts->adapters);
  LogInfo("ready",
          {{"model", parts->model->spec().name},
           {"type", parts->model->config().model_type},
           {"dtype", parts->model->dtype() == at::kBFloat16 ? "bf16" : "f32"},
           {"weight_bytes", parts->model->weight_bytes()},
           {"adapters", named.size()},
           {"seconds", absl::ToDoubleSeconds(absl::Now() - begin)}});
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() = default;

void Server::Stop(absl::Time deadline) {
  parts_->rpc->BeginDrain();
  const absl::Status drained = parts_->engine->Drain(deadline);
  if (!drained.ok()) {
    LogWarn("drain_timeout", {{"error", drained.message()}});
  }
  // Calls that wait for these are answered before their connections close.
  parts_->merges->Stop();
  parts_->adapters->Close();
  parts_->rpc->Shutdown(absl::Now() + kCloseTimeout);
}

}  // namespace lora
