// Admin commands while no DMA memory is left.

#include <gtest/gtest.h>

#include "attached_controller.h"

namespace spdk_nvme {
namespace {

constexpr size_t kBytes = 4096;

class AdminMemory : public AttachedController {
 protected:
  void detach_at_end() override {
    controller->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
  }

  /** Ended by the detach at the latest. */
  AdminCall event;
  AdminCall identify;
  AdminCall keep_alive;
};

TEST_F(AdminMemory, DoesNotComeFromACommandThatHasNone) {
  fake::target().held_opcode = SPDK_NVME_OPC_ASYNC_EVENT_REQUEST;
  event.send(*controller, SPDK_NVME_OPC_ASYNC_EVENT_REQUEST);
  fake::target().out_of_memory = true;
  identify.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  EXPECT_TRUE(comes_true([&] { return identify.ended.load(); }, kLimit));
  EXPECT_STREQ(identify.result.status.code, "ERR_SPDK_NO_MEMORY");
  EXPECT_FALSE(event.ended);
}

TEST_F(AdminMemory, IsAwaitedWhileOtherCommandsPass) {
  fake::target().held_opcode = SPDK_NVME_OPC_IDENTIFY;
  AdminCall first;
  first.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  AdminCall sent;
  sent.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  // So the one before has its memory.
  EXPECT_TRUE(comes_true([&] { return sent.ended.load(); }, kLimit));
  fake::target().out_of_memory = true;
  identify.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  keep_alive.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  EXPECT_TRUE(comes_true([&] { return keep_alive.ended.load(); }, kLimit));
  EXPECT_FALSE(identify.ended);
  EXPECT_FALSE(first.ended);
  fake::target().out_of_memory = false;
  fake::target().held_opcode = -1;
  EXPECT_TRUE(comes_true([&] { return first.ended && identify.ended; }, kLimit));
  EXPECT_TRUE(first.result.status.ok() && identify.result.status.ok() && keep_alive.result.status.ok());
}

}  // namespace
}  // namespace spdk_nvme
