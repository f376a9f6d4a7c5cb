// Changes of ANA states, which the package reads from the log itself.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;

TEST(AnaEvents, AreReportedAlsoWhereSpdkCouldNotReadTheLog) {
  const auto services = std::make_shared<ControllerServices>(1, 0);
  ControlThreads threads;
  auto request = fake::request(1'000);
  request.polling = PollingMode::javascript;
  std::atomic<int> changes{0};
  ControllerEvents events{};
  events.log_changed = [&changes] { changes++; };
  const auto controller = Controller::start(services, threads, request, events);
  ASSERT_TRUE(comes_true([&] { return controller->state() == ControllerState::attached; }, kLimit));

  fake::report_ana_change();
  EXPECT_TRUE(comes_true([&] { return changes == 1; }, kLimit));

  controller->detach({}, [](const DetachReport& /*report*/) {});
  EXPECT_TRUE(controller->wait_for_end(kLimit));
}

}  // namespace
}  // namespace spdk_nvme
