// How a controller is known to be there: its admin queue is polled, and asked when it is quiet. Control
// thread only; see controller.h.
//
// SPDK sends a Keep Alive every half of the time that the target granted, which need not be what was asked
// for, and takes no notice of the answers: it tells the target that the host lives, and nothing else. The
// Keep Alives sent here tell the host that the target does. Answers to I/O do not count: admin commands must
// end too, and they only do if their queue is alive.

#include <cerrno>
#include <string>
#include <utility>

#include "native/core/connection/waiting_call.h"
#include "native/core/controller/controller.h"
#include "native/spdk/namespaces.h"

namespace spdk_nvme {

namespace {

/** Of a controller that describes its namespaces anew, one after the other. */
constexpr std::chrono::milliseconds kTimeForNamespace{10};

std::string for_so_long(std::chrono::milliseconds time) {
  return " for " + std::to_string(time.count()) + " ms";
}

}  // namespace

/** True when something completed. */
bool Controller::poll_admin() {
  if (has_lost_connection()) return false;
  int32_t result = 0;
  const bool answered = wait_for_controller([&] {
    admin_commands_.submit(controller_);
    result = spdk_nvme_ctrlr_process_admin_completions(controller_);
  });
  if (!answered) return false;
  if (result < 0) lose_connection("the connection to the controller's admin queue is lost", -result);
  return result > 0;
}

/**
 * Makes a call into SPDK in which it may wait for the controller's answers: when one reports that a namespace
 * has changed, SPDK asks it for all of them, and takes its time. False when the controller did not answer;
 * its connection is lost then.
 */
bool Controller::wait_for_controller(const std::function<void()>& call) {
  const auto limit = silence_limit() + kTimeForNamespace * description_.namespace_count();
  {
    const SharedLinger together(*linger_, control_slot());
    const WaitingCall waiting(services_->deadlines, connection_watch_,
                              {.answer = limit, .detach = detach_patience_});
    call();
    if (!waiting.broken()) return true;
  }
  lose_connection("the controller did not describe its namespaces" + for_so_long(limit), ETIMEDOUT);
  return false;
}

/** How long a controller may be silent. Without a keep-alive it is as long as while it is attached. */
std::chrono::milliseconds Controller::silence_limit() const {
  return request_.connect.keep_alive_ms == 0 ? timeout() : keep_alive_timeout();
}

/** After a poll, so that what has come meanwhile is known. */
void Controller::watch_alive() {
  if (has_lost_connection() || state() != ControllerState::attached) return;
  if (std::exchange(answers_seen_, admin_commands_.answers()) != admin_commands_.answers()) {
    keep_alive_.heard();
  }
  switch (keep_alive_.look(Clock::now())) {
    case KeepAliveWatch::Verdict::fine:
      return;
    case KeepAliveWatch::Verdict::ask: {
      AdminCommand question;
      question.opcode = SPDK_NVME_OPC_KEEP_ALIVE;
      question.awaited = false;
      question.done = [this](const AdminAnswer& answer) {
        if (answer.answered) keep_alive_.answered();
      };
      admin_commands_.add(std::move(question));
      return;
    }
    case KeepAliveWatch::Verdict::silent:
      lose_connection("the controller did not answer a Keep Alive" + for_so_long(keep_alive_timeout()),
                      ETIMEDOUT);
  }
}

/** The admin queue is dead, or as good as. */
void Controller::lose_connection(const std::string& why, int error_number) {
  admin_failed_ = true;
  events_.note(HistoryEvent::Kind::connection_lost, why);
  admin_commands_.abort();
  fail(Status::failure("ERR_SPDK_CONTROLLER_FAILED", why, error_number));
}

}  // namespace spdk_nvme
