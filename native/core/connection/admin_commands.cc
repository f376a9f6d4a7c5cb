#include "native/core/connection/admin_commands.h"

#include <spdk/env.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

#include "native/spdk/command_limits.h"

namespace spdk_nvme {

namespace {

constexpr size_t kPage = 4096;

/**
 * The most commands of callers that SPDK has at a time. Its admin queue has 32 requests, of which it needs some itself: up to eight for
 * Asynchronous Event Requests, others for Aborts (abort_calls.h), for a Keep Alive, and to identify the namespaces when an event reports a
 * change. Without a request it drops the event, and the controller reports no further one. The sum: eight, another eight for four Aborts,
 * a Keep Alive of its own and one of ours, an event request of ours, and these are 31.
 */
constexpr size_t kMostOfCallers = 12;

struct FreeDma {
  void operator()(uint8_t* memory) const { spdk_free(memory); }
};
using DmaBuffer = std::unique_ptr<uint8_t, FreeDma>;

DmaBuffer allocate(size_t size) {
  void* memory = spdk_zmalloc(size, kPage, nullptr, SPDK_ENV_SOCKET_ID_ANY, SPDK_MALLOC_DMA);
  return DmaBuffer(static_cast<uint8_t*>(memory));
}

spdk_nvme_data_transfer direction_of(const AdminCommand& command) {
  return spdk_nvme_opc_get_data_transfer(static_cast<spdk_nvme_nvm_opcode>(command.opcode));
}

/** Repeats a check of JavaScript's: the limit may have changed with a reset since. */
Status check(spdk_nvme_ctrlr* controller, const AdminCommand& command) {
  if (command.data.empty()) return Status::success();
  const spdk_nvme_data_transfer direction = direction_of(command);
  if (direction != SPDK_NVME_DATA_HOST_TO_CONTROLLER && direction != SPDK_NVME_DATA_CONTROLLER_TO_HOST) {
    return Status::failure("ERR_SPDK_UNSUPPORTED",
                           "the admin command has data, but its opcode has none or transfers it both ways");
  }
  // A target ends the connection over more.
  const uint32_t max_bytes = spdk::max_command_bytes(controller);
  if (command.data.size() <= max_bytes) return Status::success();
  return Status::failure("ERR_SPDK_INVALID_ARG_VALUE", "one command of this controller transfers at most " +
                                                           std::to_string(max_bytes) + " bytes, not " +
                                                           std::to_string(command.data.size()));
}

/** Whether it counts as one of a caller's. A controller has few Asynchronous Event Requests at a time, each of which may take days. */
bool is_counted(const AdminCommand& command) {
  return command.awaited && !command.own && command.opcode != SPDK_NVME_OPC_ASYNC_EVENT_REQUEST;
}

/** Whether this is how SPDK ends commands of a connection that is gone. */
bool lost_connection(const spdk_nvme_status& status) {
  return status.sct == SPDK_NVME_SCT_GENERIC &&
         (status.sc == SPDK_NVME_SC_ABORTED_SQ_DELETION || status.sc == SPDK_NVME_SC_ABORTED_BY_REQUEST);
}

void reject_unsent(const AdminCommand& command, const char* code, const char* why) {
  command.done({.status = Status::failure(code, std::string("the admin command was not sent: ") + why),
                .completed = false,
                .cdw0 = 0,
                .data = {}});
}

}  // namespace

struct AdminCommands::InFlight {
  AdminCommands* owner;
  AdminCommand command;
  DmaBuffer buffer;
};

void AdminCommand::reject() const {
  reject_unsent(*this, "ERR_SPDK_CONTROLLER_FAILED", "the controller has no connection");
}

void AdminCommand::reject_for_namespace() const {
  reject_unsent(*this, "ERR_SPDK_NAMESPACE_GONE", "its namespace is gone, or another one has its id");
}

void AdminCommand::reject_for_detach() const {
  reject_unsent(*this, "ERR_SPDK_CONTROLLER_DETACHED", "the controller was detached");
}

void AdminCommand::reject_given_up() const {
  reject_unsent(*this, "ERR_SPDK_ABORTED", "its caller has stopped waiting");
}

bool AdminCommands::busy() const {
  return !waiting_.empty() ||
         std::ranges::any_of(awaited_, [](const InFlight* one) { return one->command.has_caller(); });
}

bool AdminCommands::draining() const {
  return std::ranges::any_of(awaited_, [](const InFlight* one) { return one->command.ends_soon(); }) ||
         std::ranges::any_of(waiting_, &AdminCommand::ends_soon);
}

void AdminCommands::submit(spdk_nvme_ctrlr* controller) {
  // Those for which there is no room, or no memory for their data yet. A Keep Alive passes them: it must not be late.
  std::deque<AdminCommand> held;
  size_t counted =
      std::ranges::count_if(awaited_, [](const InFlight* one) { return is_counted(one->command); });
  bool lacks_memory = false;
  while (!waiting_.empty()) {
    const AdminCommand& next = waiting_.front();
    if (next.is_given_up()) {
      next.reject_given_up();
      waiting_.pop_front();
      continue;
    }
    if ((is_counted(next) && counted >= kMostOfCallers) || (lacks_memory && !next.data.empty())) {
      held.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
      continue;
    }
    auto flight = std::make_unique<InFlight>(InFlight{this, std::move(waiting_.front()), nullptr});
    waiting_.pop_front();
    AdminCommand& command = flight->command;
    if (Status rejected = check(controller, command); !rejected.ok()) {
      command.done({.status = std::move(rejected), .cdw0 = 0, .data = {}});
      continue;
    }
    const auto size = static_cast<uint32_t>(command.data.size());
    int result = 0;
    if (size > 0) {
      flight->buffer = allocate(size);
      if (flight->buffer == nullptr) {
        if (buffers_ > 0) {
          lacks_memory = true;
          held.push_back(std::move(command));
          continue;
        }
        result = -ENOMEM;
      } else if (direction_of(command) == SPDK_NVME_DATA_HOST_TO_CONTROLLER) {
        memcpy(flight->buffer.get(), command.data.data(), size);
      }
    }
    spdk_nvme_cmd raw{};
    raw.opc = command.opcode;
    raw.nsid = command.namespace_id;
    memcpy(&raw.cdw10, command.cdw, sizeof(command.cdw));
    if (result == 0) {
      result = spdk_nvme_ctrlr_cmd_admin_raw(controller, &raw, flight->buffer.get(), size, on_complete,
                                             flight.get());
      if (result == -ENOMEM && in_flight_ > 0) {
        // SPDK has no request left, whatever the command; the next completion gives one back.
        held.push_back(std::move(command));
        std::ranges::move(waiting_, std::back_inserter(held));
        break;
      }
    }
    if (result == 0) {
      in_flight_++;
      if (size > 0) buffers_++;
      if (command.awaited) awaited_.insert(flight.get());
      if (is_counted(command)) counted++;
      static_cast<void>(flight.release());  // SPDK's until on_complete()
      continue;
    }
    const char* code = result == -ENOMEM ? "ERR_SPDK_NO_MEMORY" : "ERR_SPDK_IO_FAILED";
    command.done({.status = Status::failure(code, "the admin command could not be sent", -result),
                  .completed = false,
                  .cdw0 = 0,
                  .data = {}});
  }
  waiting_ = std::move(held);
}

void AdminCommands::on_complete(void* context, const spdk_nvme_cpl* completion) {
  const std::unique_ptr<InFlight> flight(static_cast<InFlight*>(context));
  AdminCommand& command = flight->command;
  flight->owner->in_flight_--;
  if (flight->buffer != nullptr) flight->owner->buffers_--;
  flight->owner->awaited_.erase(flight.get());
  const bool aborted = lost_connection(completion->status);
  if (!aborted) flight->owner->completions_++;
  AdminResult result;
  result.completed = !aborted;
  result.cdw0 = completion->cdw0;
  if (spdk_nvme_cpl_is_error(completion)) {
    result.status =
        Status::failure("ERR_SPDK_IO_FAILED",
                        aborted ? "the connection ended before the controller completed the admin command"
                                : "the controller rejected the admin command");
    result.status.nvme = NvmeStatus{static_cast<uint8_t>(completion->status.sct),
                                    static_cast<uint8_t>(completion->status.sc), completion->status.dnr != 0};
  } else if (direction_of(command) == SPDK_NVME_DATA_CONTROLLER_TO_HOST && flight->buffer != nullptr) {
    result.data.assign(flight->buffer.get(), flight->buffer.get() + command.data.size());
  }
  command.done(std::move(result));
}

void AdminCommands::abort(void (AdminCommand::*reject)() const) {
  for (const AdminCommand& command : std::exchange(waiting_, {})) (command.*reject)();
}

}  // namespace spdk_nvme
