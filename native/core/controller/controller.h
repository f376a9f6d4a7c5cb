#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/base/control_threads.h"
#include "native/core/controller/control_loop.h"

namespace spdk_nvme {

/**
 * One NVMe controller, as its owners hold it: the handle of a ControlLoop and of its place among the control threads.
 * Never calls SPDK. Any thread.
 */
class Controller {
 public:
  using Request = ControllerRequest;
  using QueuePair = IoQueues::QueuePair;

  /**
   * Begins to attach, on one of `threads`.
   * @throws std::system_error when the process has reached its limit of threads
   */
  static std::shared_ptr<Controller> start(const std::shared_ptr<ControllerServices>& services,
                                           ControlThreads& threads, Request request, ControllerEvents events);

  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller() = default;

  [[nodiscard]] const Request& request() const { return loop_->request(); }
  [[nodiscard]] ControllerState state() const { return loop_->state(); }
  /** The description as of the latest attach or reset. */
  [[nodiscard]] const Description& description() const { return loop_->description(); }
  /** Valid once attached. */
  [[nodiscard]] const std::vector<QueuePair>& queue_pairs() const { return loop_->io().queue_pairs(); }
  /** Valid once attached. */
  [[nodiscard]] const AttachReport& attach_report() const { return loop_->attach_report(); }
  /** The controller's latest events, readable for as long as this object exists. */
  [[nodiscard]] const History& history() const { return *loop_->context().history; }
  [[nodiscard]] IoStats& io_stats() const { return *loop_->context().io_stats; }
  [[nodiscard]] LingerLock::Counters linger_counters() const { return loop_->context().linger->counters(); }

  /**
   * The call of this attach was cancelled. SPDK cannot cancel it: it continues in the background, and a
   * controller that it still attaches is detached immediately.
   */
  void cancel_attach() {
    cancelled_.store(true, std::memory_order_release);
    loop_->stop(StopRequest::Level::detach);
  }
  /** Breaks the connections of an attach that was cancelled some time ago and has not ended by itself. */
  void force_disconnect() { loop_->force_disconnect(); }
  /** Ends waits for anything that only JavaScript can do, when the environment ends. Call detach() first. */
  void abandon() { loop_->stop(StopRequest::Level::abandon); }
  /** Whether it ends without a caller that waits for it: its attach was cancelled, or its environment ends. */
  [[nodiscard]] bool ends_unseen() const {
    return cancelled_.load(std::memory_order_acquire) || loop_->abandoned();
  }

  /**
   * Begins to detach; `done` is called on the control thread, or immediately if that has ended. A second call while one
   * is under way only adds its `done`. Only from a state that a detach can follow, see can_follow().
   */
  void detach(DetachSettings settings, DetachCalls::Done done) { loop_->detach(settings, std::move(done)); }

  /**
   * Ends the connection and makes another, if the controller is attached or failed; I/O waits for it. One that is under way is as
   * good. Returns the number of the reset that answers this, or a later one does: resets that have ended before do not.
   */
  uint32_t reset() { return loop_->reset(); }

  /** Whether it is to be detached; the state follows. */
  [[nodiscard]] bool leaving() const { return loop_->stopping(); }

  /** Commands that JavaScript published while it did not know yet that they fail are to fail now. */
  void fail_submitted() { loop_->fail_submitted(); }

  /** Sends an admin command; `done` is called on the control thread. */
  void admin(AdminCommand command) { loop_->admin(std::move(command)); }

  /**
   * Asks the controller to abort the command in a slot of a queue pair's ring; `done` is called on the control thread. The
   * slot stays that command's until then.
   */
  void abort(size_t queue_pair, uint32_t slot, AbortCalls::Done done) {
    loop_->abort(queue_pair, slot, std::move(done));
  }

  /**
   * Has the controller authenticate with these DH-HMAC-CHAP keys, now and for each further connection; `done` is called on the
   * control thread. If that fails the old keys remain, and the connection is lost.
   */
  void change_keys(spdk::Keys keys, std::chrono::milliseconds limit, KeyChange::Done done) {
    loop_->change_keys(std::move(keys), limit, std::move(done));
  }

  /**
   * Has a discovery controller report changes of its log on the present connection, see
   * ControllerEvents::log_changed. Only where its feature Asynchronous Event Configuration allows that; the
   * caller sets the feature.
   */
  void watch_log() { loop_->watch_log(); }

  /** The caller's deadline has passed while SPDK still holds the control thread or a poller. */
  void wedge() { loop_->wedge(); }

  /**
   * Describes where the threads that work for it are now, in the words of describe_thread(): for the report of a wedged
   * one. Not for those threads; takes about as long as `patience`, if one does not respond.
   */
  [[nodiscard]] std::string stacks(std::chrono::milliseconds patience) const;

  /** Whether the last turn has ended: nothing is done or reported after that. */
  [[nodiscard]] bool finished() const { return turns_->ended(); }
  /** Waits for the end of the last turn. False if it did not end in time. */
  [[nodiscard]] bool wait_for_end(std::chrono::milliseconds limit) const {
    return turns_->wait_for_end(limit);
  }

 private:
  Controller(std::shared_ptr<ControlLoop> loop, std::shared_ptr<ControlThreads::Member> turns)
      : loop_(std::move(loop)), turns_(std::move(turns)) {}

  const std::shared_ptr<ControlLoop> loop_;
  const std::shared_ptr<ControlThreads::Member> turns_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace spdk_nvme
