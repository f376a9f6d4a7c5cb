#include "native/core/controller/detach_sequence.h"

#include <algorithm>
#include <utility>

#include "native/core/base/elapsed.h"
#include "native/spdk/interpose/connection_watch.h"

namespace spdk_nvme {

using namespace std::chrono_literals;

bool DetachSequence::drain(const std::function<void()>& meanwhile) {
  const auto completed = send_probe();
  connection_->poll_until([&, limit = settings_.since + settings_.drain] {
    meanwhile();
    // When the environment ends, JavaScript does not lower its count any more.
    const bool drained = io_.pending() == 0 && !connection_->admin_draining();
    return drained || stop_.at_least(StopRequest::Level::abandon) || Clock::now() >= limit;
  });
  return wait_for_probe(completed);
}

bool DetachSequence::probe() {
  return wait_for_probe(send_probe());
}

/** Sends a Keep Alive. Any completion is a response, also an error, or a recent one of another admin command. */
std::shared_ptr<const bool> DetachSequence::send_probe() {
  if (connection_->has_just_responded()) return std::make_shared<bool>(true);
  auto completed = std::make_shared<bool>(false);
  AdminCommand probe;
  probe.opcode = SPDK_NVME_OPC_KEEP_ALIVE;
  probe.awaited = false;  // by wait_for_probe(), and not by the drain
  probe.done = [completed](const AdminResult&) { *completed = true; };
  connection_->admin(std::move(probe));
  return completed;
}

bool DetachSequence::wait_for_probe(const std::shared_ptr<const bool>& completed) {
  const auto limit = begun_ + settings_.response_limit();
  connection_->poll_until(
      [&] { return *completed || connection_->lost() || Clock::now() >= limit || interrupted(); });
  return *completed && !connection_->lost();
}

/** What a step gets that waits for the target, which may have stopped responding since: a second, or a part of what the caller has left. */
std::chrono::milliseconds DetachSequence::part_of_rest(int part) const {
  const auto left = settings_.since + settings_.timeout - Clock::now();
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(left) / part, 0ms, 1'000ms);
}

DetachReport DetachSequence::disconnect_and_destroy(bool dead,
                                                    const std::function<void(ControllerState)>& enter) {
  const auto drained = Clock::now();
  if (enter) enter(ControllerState::disconnecting);
  const std::function<bool()> interrupt = [this] { return interrupted(); };
  const spdk::CmWaitLimit handshake(std::min(Connection::handshake_limit(dead), part_of_rest(3)), &interrupt);
  if (connection_ != nullptr) connection_->disconnect(dead);

  const auto disconnected = Clock::now();
  if (enter) enter(ControllerState::lingering);
  if (connection_ != nullptr) connection_->free();

  const auto freed = Clock::now();
  if (connection_ != nullptr) connection_->destroy(part_of_rest(2), interrupt);
  const auto destroyed = Clock::now();
  return {.drain_ms = ms_between(begun_, drained),
          .disconnect_ms = ms_between(drained, disconnected),
          .linger_ms = ms_between(disconnected, freed),
          .destroy_ms = ms_between(freed, destroyed),
          .total_ms = ms_between(begun_, destroyed)};
}

}  // namespace spdk_nvme
