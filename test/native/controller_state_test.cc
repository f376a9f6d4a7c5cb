#include "native/core/controller/controller_state.h"

#include <gtest/gtest.h>

#include <thread>

namespace spdk_nvme {
namespace {

using State = ControllerState;

TEST(ControllerLife, GoesFromAttachingToDetached) {
  ControllerLife life;
  EXPECT_EQ(life.state(), State::attaching);
  for (const State next :
       {State::attached, State::draining, State::disconnecting, State::lingering, State::detached}) {
    EXPECT_TRUE(life.advance(next)) << to_string(next);
    EXPECT_EQ(life.state(), next);
  }
}

TEST(ControllerLife, SkipsNothing) {
  ControllerLife life;
  EXPECT_FALSE(life.advance(State::draining));
  EXPECT_FALSE(life.advance(State::failed));
  EXPECT_TRUE(life.advance(State::attached));
  EXPECT_FALSE(life.advance(State::disconnecting));
  EXPECT_FALSE(life.advance(State::attaching));
  EXPECT_EQ(life.state(), State::attached);
}

TEST(ControllerLife, AFailedControllerCanStillBeDetached) {
  ControllerLife life;
  life.advance(State::attached);
  EXPECT_TRUE(life.advance(State::failed));
  EXPECT_FALSE(life.advance(State::attached));
  EXPECT_TRUE(life.advance(State::draining));
}

TEST(ControllerLife, AnythingButTheEndCanWedge) {
  for (const State from :
       {State::attaching, State::attached, State::failed, State::draining, State::lingering}) {
    EXPECT_TRUE(can_follow(from, State::wedged)) << to_string(from);
  }
  EXPECT_FALSE(can_follow(State::detached, State::wedged));
  EXPECT_FALSE(can_follow(State::wedged, State::attached));
  EXPECT_TRUE(can_follow(State::wedged, State::detached));
}

TEST(ControllerLife, OneOfTwoRacingThreadsWins) {
  for (int round = 0; round < 200; round++) {
    ControllerLife life;
    life.advance(State::attached);
    bool failed = false;
    bool drained = false;
    std::thread one([&] { failed = life.advance(State::failed); });
    std::thread other([&] { drained = life.advance(State::draining); });
    one.join();
    other.join();
    // A detach may follow a failure, but a failure never interrupts a detach.
    EXPECT_TRUE(drained);
    EXPECT_EQ(life.state(), State::draining);
    (void)failed;
  }
}

}  // namespace
}  // namespace spdk_nvme
