// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/event_queue.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lora {
namespace {

using Type = AdapterEvent::Type;

AdapterEvent Event(Type type, const std::string& id, int rank = 0) {
  AdapterEvent event{.type = type};
  event.adapter.id = AdapterId(id);
  event.adapter.rank = rank;
  return event;
}

MATCHER_P3(IsEvent, type, id, rank, "") {
  return arg.has_value() && arg->type == type &&
         arg->adapter.id.value() == std::string(id) &&
         arg->adapter.rank == rank;
}

TEST(EventQueueTest, DifferentAdaptersStayInOrder) {
  EventQueue queue;
  queue.Push(Event(Type::kSnapshot, "b"));
  queue.Push(Event(Type::kUpdated, "a"));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kSnapshot, "b", 0));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kUpdated, "a", 0));
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(EventQueueTest, ALaterEventReplacesAWaitingOneInItsPlace) {
  EventQueue queue;
  queue.Push(Event(Type::kUpdated, "a", 1));
  queue.Push(Event(Type::kUpdated, "b", 2));
  queue.Push(Event(Type::kUpdated, "a", 3));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kUpdated, "a", 3));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kUpdated, "b", 2));
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueueTest, AnUnreadSnapshotIsBroughtUpToDate) {
  EventQueue queue;
  queue.Push(Event(Type::kSnapshot, "a", 1));
  queue.Push(Event(Type::kUpdated, "a", 2));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kSnapshot, "a", 2));
}

TEST(EventQueueTest, ARemovalIsNeverLost) {
  EventQueue queue;
  queue.Push(Event(Type::kSnapshot, "a", 1));
  queue.Push(Event(Type::kRemoved, "a", 1));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kRemoved, "a", 1));
}

TEST(EventQueueTest, AnAdapterThatCameBackIsAnUpdate) {
  EventQueue queue;
  queue.Push(Event(Type::kRemoved, "a", 1));
  queue.Push(Event(Type::kUpdated, "a", 2));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kUpdated, "a", 2));
}

TEST(EventQueueTest, AReadAdapterWaitsAtTheEndAgain) {
  EventQueue queue;
  queue.Push(Event(Type::kUpdated, "a", 1));
  queue.Push(Event(Type::kUpdated, "b", 1));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kUpdated, "a", 1));
  queue.Push(Event(Type::kUpdated, "a", 2));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kUpdated, "b", 1));
  EXPECT_THAT(queue.Pop(), IsEvent(Type::kUpdated, "a", 2));
}

}  // namespace
}  // namespace lora
