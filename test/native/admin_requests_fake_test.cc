// Admin commands beyond those that SPDK is given at a time: it needs requests of its admin queue itself.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include "attached_controller.h"

namespace spdk_nvme {
namespace {

/** SPDK's admin queue has as many requests. */
constexpr size_t kRequests = 32;

class AdminRequests : public AttachedController {
 protected:
  void SetUp() override {
    AttachedController::SetUp();
    fake::target().held_opcode = SPDK_NVME_OPC_IDENTIFY;
    fake::target().most_admin_commands = 0;
    for (AdminCall& call : calls) call.send(*controller, SPDK_NVME_OPC_IDENTIFY);
    ASSERT_TRUE(comes_true([] { return fake::target().most_admin_commands > 0; }, kLimit));
  }
  void detach_at_end() override {
    controller->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
  }
  [[nodiscard]] bool ended() const {
    return std::ranges::all_of(calls, [](const AdminCall& call) { return call.ended.load(); });
  }

  [[nodiscard]] bool completes(AdminCommand command) {
    const auto completed = std::make_shared<std::atomic<bool>>(false);
    command.done = [completed](const AdminResult& /*result*/) { *completed = true; };
    controller->admin(std::move(command));
    return comes_true([&completed] { return completed->load(); }, kLimit);
  }

  std::array<AdminCall, 2 * kRequests> calls;
};

TEST_F(AdminRequests, AreLeftToSpdk) {
  // What no caller waits for is not held up by those that wait ...
  AdminCommand keep_alive;
  keep_alive.opcode = SPDK_NVME_OPC_KEEP_ALIVE;
  keep_alive.awaited = false;
  EXPECT_TRUE(completes(std::move(keep_alive)));
  // ... nor is what the package waits for itself.
  AdminCommand own;
  own.opcode = SPDK_NVME_OPC_GET_LOG_PAGE;
  own.own = true;
  EXPECT_TRUE(completes(std::move(own)));
  fake::target().held_opcode = -1;
  EXPECT_TRUE(comes_true([this] { return ended(); }, kLimit));
  EXPECT_LT(fake::target().most_admin_commands, kRequests / 2);
  for (const AdminCall& call : calls) EXPECT_TRUE(call.result.status.ok());
}

TEST_F(AdminRequests, AreNotSentOnceTheyAreGivenUp) {
  AdminCall& last = calls.back();
  *last.given_up = true;
  fake::target().held_opcode = -1;
  EXPECT_TRUE(comes_true([this] { return ended(); }, kLimit));
  EXPECT_STREQ(last.result.status.code, "ERR_SPDK_ABORTED");
  EXPECT_FALSE(last.result.completed);
  // The first was sent before it could be given up.
  EXPECT_TRUE(calls.front().result.status.ok());
}

}  // namespace
}  // namespace spdk_nvme
