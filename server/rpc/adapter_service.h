// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_RPC_ADAPTER_SERVICE_H_
#define LORA_SERVER_RPC_ADAPTER_SERVICE_H_

#include "lora/v1/adapter_service.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/watcher_set.h"

namespace lora {

// lora.v1.AdapterService over AdapterPlane, and Engine for merging.
// Thread-safe.
class AdapterService final : public v1::AdapterService::CallbackService {
 public:
  // `gate` must outlive the service.
  explicit AdapterService(const CallGate& gate) : gate_(gate) {}

  // Ends every WatchAdapters call with UNAVAILABLE (DRAINING).
  void EndWatches() { watchers_.EndAll(); }

  grpc::ServerUnaryReactor* LoadAdapter(grpc::CallbackServerContext* context,
                                        const v1::LoadAdapterRequest* request,
                                        v1::Adapter* response) override;
  grpc::ServerUnaryReactor* UnloadAdapter(
      grpc::CallbackServerContext* context,
      const v1::UnloadAdapterRequest* request,
      v1::UnloadAdapterResponse* response) override;
  grpc::ServerUnaryReactor* UpdateAdapter(
      grpc::CallbackServerContext* context,
      const v1::UpdateAdapterRequest* request, v1::Adapter* response) override;
  grpc::ServerUnaryReactor* GetAdapter(grpc::CallbackServerContext* context,
                                       const v1::GetAdapterRequest* request,
                                       v1::Adapter* response) override;
  grpc::ServerUnaryReactor* ListAdapters(
      grpc::CallbackServerContext* context,
      const v1::ListAdaptersRequest* request,
      v1::ListAdaptersResponse* response) override;
  grpc::ServerWriteReactor<v1::AdapterEvent>* WatchAdapters(
      grpc::CallbackServerContext* context,
      const v1::WatchAdaptersRequest* request) override;
  grpc::ServerUnaryReactor* ValidateAdapter(
      grpc::CallbackServerContext* context,
      const v1::ValidateAdapterRequest* request,
      v1::Adapter* response) override;
  grpc::ServerUnaryReactor* MergeAdapter(grpc::CallbackServerContext* context,
                                         const v1::MergeAdapterRequest* request,
                                         v1::MergedAdapter* response) override;
  grpc::ServerUnaryReactor* UnmergeAdapter(
      grpc::CallbackServerContext* context,
      const v1::UnmergeAdapterRequest* request,
      v1::UnmergeAdapterResponse* response) override;
  grpc::ServerUnaryReactor* ListMergedAdapters(
      grpc::CallbackServerContext* context,
      const v1::ListMergedAdaptersRequest* request,
      v1::ListMergedAdaptersResponse* response) override;

 private:
  const CallGate& gate_;
  WatcherSet watchers_;
};

}  // namespace lora

#endif  // LORA_SERVER_RPC_ADAPTER_SERVICE_H_
