#include "admin_commands.h"

#include <spdk/env.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace spdk_nvme {

namespace {

constexpr size_t kPage = 4096;

struct FreeDma {
  void operator()(uint8_t* memory) const { spdk_free(memory); }
};
using DmaBuffer = std::unique_ptr<uint8_t, FreeDma>;

DmaBuffer allocate(size_t size) {
  void* memory = spdk_zmalloc(size, kPage, nullptr, SPDK_ENV_SOCKET_ID_ANY, SPDK_MALLOC_DMA);
  return DmaBuffer(static_cast<uint8_t*>(memory));
}

bool reads_from_controller(uint8_t opcode) {
  return (spdk_nvme_opc_get_data_transfer(static_cast<spdk_nvme_nvm_opcode>(opcode)) &
          SPDK_NVME_DATA_CONTROLLER_TO_HOST) != 0;
}

}  // namespace

struct AdminCommands::InFlight {
  AdminCommands* owner;
  AdminCommand command;
  DmaBuffer buffer;
};

void AdminCommand::refuse() const {
  done({.status = Status::failure("ERR_SPDK_CONTROLLER_FAILED",
                                  "the admin command was not sent: the controller has no connection"),
        .cdw0 = 0,
        .data = {}});
}

void AdminCommands::submit(spdk_nvme_ctrlr* controller) {
  while (!waiting_.empty()) {
    auto flight = std::make_unique<InFlight>(InFlight{this, std::move(waiting_.front()), nullptr});
    waiting_.pop_front();
    AdminCommand& command = flight->command;
    const auto size = static_cast<uint32_t>(command.data.size());
    int result = 0;
    if (size > 0) {
      flight->buffer = allocate(size);
      if (flight->buffer == nullptr) {
        result = -ENOMEM;
      } else {
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
    }
    if (result == 0) {
      in_flight_++;
      static_cast<void>(flight.release());  // SPDK's until on_complete()
      continue;
    }
    if (result == -ENOMEM && in_flight_ > 0) {
      waiting_.push_front(std::move(command));  // room comes with the next answer
      return;
    }
    const char* code = result == -ENOMEM ? "ERR_SPDK_NO_MEMORY" : "ERR_SPDK_IO_FAILED";
    command.done({.status = Status::failure(code, "the admin command could not be sent", -result),
                  .cdw0 = 0,
                  .data = {}});
  }
}

void AdminCommands::on_complete(void* context, const spdk_nvme_cpl* completion) {
  const std::unique_ptr<InFlight> flight(static_cast<InFlight*>(context));
  flight->owner->in_flight_--;
  AdminCommand& command = flight->command;
  AdminAnswer answer;
  answer.cdw0 = completion->cdw0;
  if (spdk_nvme_cpl_is_error(completion)) {
    answer.status = Status::failure("ERR_SPDK_IO_FAILED", "the controller refused the admin command");
    answer.status.nvme = NvmeStatus{static_cast<uint8_t>(completion->status.sct),
                                    static_cast<uint8_t>(completion->status.sc), completion->status.dnr != 0};
  } else if (reads_from_controller(command.opcode) && flight->buffer != nullptr) {
    answer.data.assign(flight->buffer.get(), flight->buffer.get() + command.data.size());
  }
  command.done(std::move(answer));
}

void AdminCommands::abort() {
  for (const AdminCommand& command : std::exchange(waiting_, {})) command.refuse();
}

}  // namespace spdk_nvme
