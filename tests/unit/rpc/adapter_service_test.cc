// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/adapter_service.h"

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/rpc/rpc_test_util.h"

namespace lora {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

v1::LoadAdapterRequest LoadRequest(const std::string& id,
                                   const std::string& source) {
  v1::LoadAdapterRequest request;
  request.set_adapter_id(id);
  request.set_source(source);
  return request;
}

class AdapterServiceTest : public RpcTest {
 protected:
  AdapterServiceTest() { StartReadyServer(); }

  grpc::Status Load(const v1::LoadAdapterRequest& request) {
    return adapters().LoadAdapter(NewContext().get(), request, &adapter_);
  }
  void MustLoad(const std::string& id) {
    EXPECT_RPC_OK(Load(LoadRequest(id, "/adapters/" + id)));
  }

  grpc::Status Merge(const std::vector<std::string>& ids) {
    v1::MergeAdapterRequest request;
    for (const std::string& id : ids) {
      request.add_components()->set_adapter_id(id);
    }
    return adapters().MergeAdapter(NewContext().get(), request, &merged_);
  }

  v1::Adapter Get(const std::string& id) {
    v1::GetAdapterRequest request;
    request.set_adapter_id(id);
    v1::Adapter adapter;
    EXPECT_RPC_OK(adapters().GetAdapter(NewContext().get(), request, &adapter));
    return adapter;
  }

  v1::Adapter adapter_;
  v1::MergedAdapter merged_;
};

TEST_F(AdapterServiceTest, ALoadedAdapterIsDescribed) {
  v1::LoadAdapterRequest request = LoadRequest("sql", "/adapters/sql");
  request.set_pinned(true);
  EXPECT_RPC_OK(Load(request));
  EXPECT_EQ(adapter_.adapter_id(), "sql");
  EXPECT_EQ(adapter_.state(), v1::ADAPTER_STATE_READY);
  EXPECT_TRUE(adapter_.pinned());
  EXPECT_EQ(Get("sql").digest(), adapter_.digest());
}

TEST_F(AdapterServiceTest, AFailedLoadTellsCodeAndReason) {
  plane_.FailSource(
      "/outside", Error(absl::StatusCode::kPermissionDenied, ErrorReason::kPath,
                        "outside the adapter roots"));
  const grpc::Status status = Load(LoadRequest("sql", "/outside"));
  EXPECT_THAT(status, IsRpcError(grpc::PERMISSION_DENIED, ErrorReason::kPath));
  EXPECT_EQ(status.error_message(), "outside the adapter roots");
}

TEST_F(AdapterServiceTest, AFailureSaysWhichAdapterItIsAbout) {
  plane_.FailSource("/bad", Error(absl::StatusCode::kInvalidArgument,
                                  ErrorReason::kRank, "r is 0"));
  v1::GetAdapterRequest get;
  get.set_adapter_id("sql");
  v1::UpdateAdapterRequest update;
  update.set_adapter_id("sql");
  update.mutable_update_mask()->add_paths("pinned");
  v1::UnloadAdapterRequest unload;
  unload.set_adapter_id("sql");
  v1::UnloadAdapterResponse unloaded;
  for (const grpc::Status& status :
       {Load(LoadRequest("sql", "/bad")),
        adapters().GetAdapter(NewContext().get(), get, &adapter_),
        adapters().UpdateAdapter(NewContext().get(), update, &adapter_),
        adapters().UnloadAdapter(NewContext().get(), unload, &unloaded)}) {
    EXPECT_THAT(ErrorInfoOf(status).metadata(),
                ElementsAre(Pair("adapter_id", "sql")));
  }
}

TEST_F(AdapterServiceTest, OtherContentUnderAKnownIdNeedsReplace) {
  MustLoad("sql");
  v1::LoadAdapterRequest request = LoadRequest("sql", "/adapters/other");
  EXPECT_THAT(Load(request),
              IsRpcError(grpc::ALREADY_EXISTS, ErrorReason::kAdapterExists));
  request.set_replace(true);
  EXPECT_RPC_OK(Load(request));
  EXPECT_EQ(Get("sql").source(), "/adapters/other");
}

TEST_F(AdapterServiceTest, ABadRequestNeverReachesThePlane) {
  v1::LoadAdapterRequest request = LoadRequest("sql", "/adapters/sql");
  request.set_sha256("short");
  EXPECT_THAT(Load(request),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kParam));
  v1::GetAdapterRequest get;
  get.set_adapter_id("sql");
  EXPECT_THAT(adapters().GetAdapter(NewContext().get(), get, &adapter_),
              IsRpcError(grpc::NOT_FOUND, ErrorReason::kAdapter));
}

TEST_F(AdapterServiceTest, ALoadAnswersWhenThePlaneIsDone) {
  plane_.HoldLoads();
  std::thread caller([this] { MustLoad("sql"); });
  EXPECT_EQ(plane_.WaitForHeldLoad().id.value(), "sql");
  plane_.FinishLoads();
  caller.join();
  EXPECT_EQ(adapter_.adapter_id(), "sql");
}

TEST_F(AdapterServiceTest, ACallerThatLeavesEndsItsWaitForALoad) {
  plane_.HoldLoads();
  const auto context = NewContext();
  grpc::Status status;
  std::thread caller([&] {
    status = adapters().LoadAdapter(
        context.get(), LoadRequest("sql", "/adapters/sql"), &adapter_);
  });
  plane_.WaitForHeldLoad();
  context->TryCancel();
  plane_.WaitForCancelWait();
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::CANCELLED);
}

TEST_F(AdapterServiceTest, ADeadlineEndsTheWaitForALoad) {
  plane_.HoldLoads();
  grpc::ClientContext context;
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + absl::Milliseconds(200)));
  EXPECT_EQ(
      adapters()
          .LoadAdapter(&context, LoadRequest("sql", "/adapters/sql"), &adapter_)
          .error_code(),
      grpc::DEADLINE_EXCEEDED);
  plane_.WaitForCancelWait();
}

TEST_F(AdapterServiceTest, AnUnloadSaysWhatItFreed) {
  MustLoad("sql");
  v1::UnloadAdapterRequest request;
  request.set_adapter_id("sql");
  request.mutable_drain_timeout()->set_seconds(5);
  v1::UnloadAdapterResponse response;
  EXPECT_RPC_OK(
      adapters().UnloadAdapter(NewContext().get(), request, &response));
  EXPECT_EQ(response.freed_host_bytes(), 1000);
  EXPECT_EQ(response.freed_device_bytes(), 2000);
  EXPECT_EQ(plane_.last_unload().drain_timeout, absl::Seconds(5));
  EXPECT_THAT(adapters().UnloadAdapter(NewContext().get(), request, &response),
              IsRpcError(grpc::NOT_FOUND, ErrorReason::kAdapter));
}

TEST_F(AdapterServiceTest, AnAdapterInUseIsUnloadedOnlyByForce) {
  AdapterInfo info;
  info.id = AdapterId("busy");
  info.inflight_requests = 2;
  plane_.Put(info);
  v1::UnloadAdapterRequest request;
  request.set_adapter_id("busy");
  v1::UnloadAdapterResponse response;
  EXPECT_THAT(adapters().UnloadAdapter(NewContext().get(), request, &response),
              IsRpcError(grpc::DEADLINE_EXCEEDED, ErrorReason::kInUse));
  request.set_force(true);
  EXPECT_RPC_OK(
      adapters().UnloadAdapter(NewContext().get(), request, &response));
  EXPECT_EQ(response.cancelled_requests(), 2);
}

TEST_F(AdapterServiceTest, AnUpdateChangesNamedFields) {
  MustLoad("sql");
  v1::UpdateAdapterRequest request;
  request.set_adapter_id("sql");
  request.set_pinned(true);
  request.mutable_update_mask()->add_paths("pinned");
  EXPECT_RPC_OK(
      adapters().UpdateAdapter(NewContext().get(), request, &adapter_));
  EXPECT_TRUE(adapter_.pinned());
  EXPECT_TRUE(Get("sql").pinned());
}

TEST_F(AdapterServiceTest, AListComesInPages) {
  for (const char* id : {"c", "a", "b"}) MustLoad(id);
  v1::ListAdaptersRequest request;
  request.set_page_size(2);
  v1::ListAdaptersResponse page;
  EXPECT_RPC_OK(adapters().ListAdapters(NewContext().get(), request, &page));
  ASSERT_EQ(page.adapters_size(), 2);
  EXPECT_EQ(page.adapters(0).adapter_id(), "a");
  EXPECT_EQ(page.adapters(1).adapter_id(), "b");
  request.set_page_token(page.next_page_token());
  v1::ListAdaptersResponse rest;
  EXPECT_RPC_OK(adapters().ListAdapters(NewContext().get(), request, &rest));
  ASSERT_EQ(rest.adapters_size(), 1);
  EXPECT_EQ(rest.adapters(0).adapter_id(), "c");
  EXPECT_EQ(rest.next_page_token(), "");
}

TEST_F(AdapterServiceTest, AFilterThatCannotBeReadIsRefused) {
  v1::ListAdaptersRequest request;
  request.set_filter("colour=blue");
  v1::ListAdaptersResponse page;
  EXPECT_THAT(adapters().ListAdapters(NewContext().get(), request, &page),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kParam));
}

TEST_F(AdapterServiceTest, AValidatedAdapterIsNotKept) {
  v1::ValidateAdapterRequest request;
  request.set_source("/adapters/sql");
  EXPECT_RPC_OK(
      adapters().ValidateAdapter(NewContext().get(), request, &adapter_));
  EXPECT_EQ(adapter_.rank(), 8);
  v1::ListAdaptersResponse page;
  EXPECT_RPC_OK(adapters().ListAdapters(NewContext().get(), {}, &page));
  EXPECT_EQ(page.adapters_size(), 0);
}

TEST_F(AdapterServiceTest, AMergeShowsInTheAdapterAndTheList) {
  MustLoad("a");
  MustLoad("b");
  EXPECT_FALSE(Get("a").merged());
  EXPECT_RPC_OK(Merge({"a"}));
  EXPECT_EQ(merged_.bytes(), 1000);
  EXPECT_TRUE(Get("a").merged());
  EXPECT_FALSE(Get("b").merged());
  v1::ListMergedAdaptersResponse list;
  EXPECT_RPC_OK(adapters().ListMergedAdapters(NewContext().get(), {}, &list));
  ASSERT_EQ(list.merged_adapters_size(), 1);
  EXPECT_EQ(list.merged_adapters(0).merged_id(), merged_.merged_id());
}

TEST_F(AdapterServiceTest, AFailedMergeTellsCodeAndReason) {
  EXPECT_THAT(Merge({"missing"}),
              IsRpcError(grpc::NOT_FOUND, ErrorReason::kAdapter));
  EXPECT_THAT(Merge({}),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kWeights));
}

TEST_F(AdapterServiceTest, ACallerThatLeavesEndsItsWaitForAMerge) {
  engine_->HoldMerges();
  const auto context = NewContext();
  v1::MergeAdapterRequest request;
  request.add_components()->set_adapter_id("a");
  grpc::Status status;
  std::thread caller([&] {
    status = adapters().MergeAdapter(context.get(), request, &merged_);
  });
  engine_->WaitForHeldMerge();
  context->TryCancel();
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::CANCELLED);
  // Returns when no call is open: nothing holds this one any more.
  server_->Shutdown(absl::InfiniteFuture());
}

TEST_F(AdapterServiceTest, AMergedCopyIsNamedByIdOrComponents) {
  for (const bool by_id : {true, false}) {
    EXPECT_RPC_OK(Merge({"a", "b"}));
    v1::UnmergeAdapterRequest request;
    if (by_id) {
      request.set_merged_id(merged_.merged_id());
    } else {
      *request.mutable_components() = merged_.components();
    }
    v1::UnmergeAdapterResponse response;
    EXPECT_RPC_OK(
        adapters().UnmergeAdapter(NewContext().get(), request, &response));
    EXPECT_EQ(response.freed_bytes(), 2000);
    EXPECT_THAT(
        adapters().UnmergeAdapter(NewContext().get(), request, &response),
        IsRpcError(grpc::NOT_FOUND, ErrorReason::kNotMerged));
  }
}

TEST_F(AdapterServiceTest, AnUnmergeNamesExactlyOneThing) {
  v1::UnmergeAdapterRequest request;
  v1::UnmergeAdapterResponse response;
  EXPECT_THAT(adapters().UnmergeAdapter(NewContext().get(), request, &response),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kParam));
  request.set_merged_id("m");
  request.add_components()->set_adapter_id("a");
  EXPECT_THAT(adapters().UnmergeAdapter(NewContext().get(), request, &response),
              IsRpcError(grpc::INVALID_ARGUMENT, ErrorReason::kParam));
}

}  // namespace
}  // namespace lora
