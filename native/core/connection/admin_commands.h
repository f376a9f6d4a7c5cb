#pragma once

#include <spdk/nvme.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "native/core/base/status.h"

namespace spdk_nvme {

/** The result of an admin command. */
struct AdminResult {
  Status status;
  /** Whether the controller completed it. Otherwise it was not sent, or its connection ended first. */
  bool completed = false;
  uint32_t cdw0 = 0;
  /** What was transferred from the controller; empty for commands that send data or none. */
  std::vector<uint8_t> data;
};

/** One admin command, as NVMe defines it, with its data. */
struct AdminCommand {
  uint8_t opcode = 0;
  uint32_t namespace_id = 0;
  /** The tag of the namespace that it is for, see NamespaceTags; 0: any namespace with the id. */
  uint32_t namespace_tag = 0;
  uint32_t cdw[6] = {};  // CDW10 to CDW15
  /** Data to send; of the same size as the returned data, if the opcode's transfer goes that way. */
  std::vector<uint8_t> data;
  /** Called once, on the control thread; must not block. */
  std::function<void(AdminResult)> done;
  /** Whether a caller waits for the result: then the admin queue is polled often. */
  bool awaited = true;
  /** Whether it is this package's own, and those of callers do not hold it up. */
  bool own = false;
  /** Set by any thread when the caller has stopped waiting; null: it waits until the end. */
  std::shared_ptr<const std::atomic<bool>> given_up;

  /** Completes it with an error, without sending it: the connection is ending. */
  void reject() const;
  /** Completes it like reject(), because its namespace is gone or another one has the id. */
  void reject_for_namespace() const;
  /** Completes it like reject(), because the controller is being detached, which has not failed. */
  void reject_for_detach() const;
  /** Completes it like reject(), because its caller has stopped waiting: it could change something long after that. */
  void reject_given_up() const;
  /** Whether its caller has stopped waiting. */
  [[nodiscard]] bool is_given_up() const { return given_up != nullptr && *given_up; }
  /** Whether a caller still waits for the result. */
  [[nodiscard]] bool has_caller() const { return awaited && !is_given_up(); }
  /** Whether it ends soon, and a caller waits for that: an Asynchronous Event Request waits for an event. */
  [[nodiscard]] bool ends_soon() const { return has_caller() && opcode != SPDK_NVME_OPC_ASYNC_EVENT_REQUEST; }
};

/** The admin commands of one controller that have not completed. Thread: control. */
class AdminCommands {
 public:
  AdminCommands() = default;
  AdminCommands(const AdminCommands&) = delete;
  AdminCommands& operator=(const AdminCommands&) = delete;
  /** Called when SPDK holds no command: it completes all before it destroys a controller. */
  ~AdminCommands() = default;

  void add(AdminCommand command) { waiting_.push_back(std::move(command)); }
  /** Sends what waits and is not given up, as far as the admin queue takes it. */
  void submit(spdk_nvme_ctrlr* controller);
  /** Whether commands are outstanding whose callers wait, or have not been sent. */
  [[nodiscard]] bool busy() const;
  /** Whether commands are outstanding that a detach has to wait for, see AdminCommand::ends_soon(). */
  [[nodiscard]] bool draining() const;
  /** How many commands the controller has completed so far, with an error or without. */
  [[nodiscard]] uint64_t completions() const { return completions_; }
  /** Rejects the commands that have not been sent: the controller accepts no more. */
  void abort(void (AdminCommand::*reject)() const = &AdminCommand::reject);

 private:
  struct InFlight;
  static void on_complete(void* context, const spdk_nvme_cpl* completion);

  std::deque<AdminCommand> waiting_;
  size_t in_flight_ = 0;
  /** Commands in flight that have memory, which the next one may get. */
  size_t buffers_ = 0;
  /** Commands in flight whose callers wait, or have given them up: SPDK has these, with their memory, until it completes them. */
  std::unordered_set<const InFlight*> awaited_;
  uint64_t completions_ = 0;
};

}  // namespace spdk_nvme
