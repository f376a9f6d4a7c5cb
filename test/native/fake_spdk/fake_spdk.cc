// The functions of SPDK that rings, queue sets and connections call. Longer than other files: there is one for each.

#include "fake_spdk.h"

#include <pthread.h>
#include <spdk/env.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>

#include "fake_target.h"
#include "native/spdk/env.h"
#include "native/spdk/interpose/connection_watch.h"
#include "native/spdk/interpose/last_answer.h"
#include "native/spdk/interpose/socket_use.h"

namespace {

std::mutex g_mutex;

spdk_nvme_cpl completion_of(spdk_nvme_status status) {
  spdk_nvme_cpl completion{};
  completion.status = status;
  return completion;
}

/** What the controller would do: moves the data. */
void carry_out(spdk_nvme_ctrlr& controller, const FakeCommand& command) {
  const auto found = controller.namespaces.find(command.namespace_id);
  if (found == controller.namespaces.end()) return;
  spdk_nvme_ns& ns = found->second;
  // Its metadata is kept with the data of each block.
  const uint64_t block_bytes = ns.block_size + ns.metadata_size;
  uint64_t at = command.lba * block_bytes;
  if (command.opcode == SPDK_NVME_OPC_WRITE_ZEROES) {
    memset(ns.data.data() + at, 0, command.blocks * block_bytes);
  }
  for (const auto& [address, length] : command.runs) {
    if (command.opcode == SPDK_NVME_OPC_READ) memcpy(address, ns.data.data() + at, length);
    if (command.opcode == SPDK_NVME_OPC_WRITE) memcpy(ns.data.data() + at, address, length);
    at += length;
  }
}

/** Notes a wait for the target. */
void note_wait() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  if (!std::string_view(name.data()).starts_with("spdk-control")) fake::target().waits_outside_control++;
}

int send(spdk_nvme_qpair* queue_pair, FakeCommand command) {
  spdk_nvme_ctrlr& controller = *queue_pair->controller;
  if (queue_pair->failed) return -ENXIO;
  if (controller.reject) {
    if (const int rejected = controller.reject(); rejected != 0) return rejected;
  }
  if (queue_pair->requests_used + command.requests > queue_pair->requests) return -ENOMEM;
  queue_pair->requests_used += command.requests;
  if (controller.seen) controller.seen(command);
  queue_pair->in_flight.push_back(std::move(command));
  return 0;
}

enum class Abortion { none, by_loss, by_request };

void complete(spdk_nvme_qpair* queue_pair, size_t index, Abortion abortion) {
  const FakeCommand command = std::move(queue_pair->in_flight[index]);
  queue_pair->in_flight.erase(queue_pair->in_flight.begin() + static_cast<ptrdiff_t>(index));
  queue_pair->requests_used -= command.requests;
  spdk_nvme_status status{};
  if (abortion != Abortion::none) {
    status.sc =
        abortion == Abortion::by_loss ? SPDK_NVME_SC_ABORTED_SQ_DELETION : SPDK_NVME_SC_ABORTED_BY_REQUEST;
  } else if (queue_pair->controller->status) {
    status = queue_pair->controller->status(command);
  }
  if (status.sc == 0 && status.sct == 0) carry_out(*queue_pair->controller, command);
  spdk_nvme_cpl completion = completion_of(status);
  // It has another name in each release.
  memcpy(reinterpret_cast<uint8_t*>(&completion) + 4, &queue_pair->controller->second_dword, 4);
  command.done(command.context, &completion);
}

int send_vectored(spdk_nvme_ns* ns, spdk_nvme_qpair* queue_pair, uint8_t opcode, uint64_t lba,
                  uint32_t blocks, spdk_nvme_cmd_cb done, void* context, spdk_nvme_req_reset_sgl_cb reset,
                  spdk_nvme_req_next_sge_cb next) {
  FakeCommand command{.opcode = opcode,
                      .namespace_id = ns->id,
                      .lba = lba,
                      .blocks = blocks,
                      .runs = {},
                      .done = done,
                      .context = context};
  reset(context, 0);
  for (uint64_t left = static_cast<uint64_t>(blocks) * ns->block_size; left > 0;) {
    void* address = nullptr;
    uint32_t length = 0;
    if (next(context, &address, &length) != 0) return -EINVAL;
    length = static_cast<uint32_t>(std::min<uint64_t>(length, left));
    command.runs.push_back({static_cast<uint8_t*>(address), length});
    left -= length;
  }
  spdk_nvme_ctrlr& controller = *ns->controller;
  const bool too_long = command.bytes() > controller.max_transfer;
  const bool crosses = ns->boundary > 0 && lba % ns->boundary + blocks > ns->boundary;
  if (too_long || crosses || command.runs.size() > controller.max_segments) {
    controller.split++;
    command.requests = 1 + static_cast<uint32_t>(command.runs.size());
  }
  return send(queue_pair, std::move(command));
}

}  // namespace

uint64_t FakeCommand::bytes() const {
  uint64_t total = 0;
  for (const Run& run : runs) total += run.length;
  return total;
}

spdk_nvme_ns& spdk_nvme_ctrlr::add(uint32_t id, uint32_t block_size, uint64_t blocks, uint32_t boundary) {
  spdk_nvme_ns& ns = namespaces[id];
  ns.id = id;
  ns.block_size = block_size;
  ns.blocks = blocks;
  ns.boundary = boundary;
  ns.data.resize(block_size * blocks);
  ns.controller = this;
  return ns;
}

void spdk_nvme_qpair::abort_all() {
  while (!in_flight.empty()) complete(this, 0, Abortion::by_loss);
}

namespace fake {

std::vector<spdk_nvme_qpair*>& queue_pairs() {
  static std::vector<spdk_nvme_qpair*> list;
  return list;
}

bool has_queue_pairs(const spdk_nvme_ctrlr& controller) {
  const std::lock_guard<std::mutex> guard(g_mutex);
  return std::ranges::any_of(queue_pairs(), [&](const auto* one) { return one->controller == &controller; });
}

void complete_aborts(spdk_nvme_ctrlr& controller) {
  while (!controller.aborts.empty()) {
    const spdk_nvme_ctrlr::Abort abort = controller.aborts.front();
    controller.aborts.pop_front();
    const auto& in_flight = abort.queue_pair->in_flight;
    const auto found =
        std::ranges::find_if(in_flight, [&](const auto& one) { return one.context == abort.aborted; });
    const bool works = controller.aborts_commands && found != in_flight.end();
    if (works)
      complete(abort.queue_pair, static_cast<size_t>(found - in_flight.begin()), Abortion::by_request);
    spdk_nvme_cpl completion{};
    completion.cdw0 = works ? 0 : 1;
    abort.done(abort.context, &completion);
  }
}

void complete_at_random(spdk_nvme_ctrlr& controller, std::mt19937_64& random) {
  controller.completions_of_poll = [&random](size_t in_flight) { return random() % (in_flight + 1); };
  controller.next_completed = [&random](size_t in_flight) { return random() % in_flight; };
}

}  // namespace fake

extern "C" {

// Commands.

int spdk_nvme_ctrlr_cmd_io_raw(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair,
                               spdk_nvme_cmd* command, void* data, uint32_t length, spdk_nvme_cmd_cb done,
                               void* context) {
  FakeCommand sent{.opcode = static_cast<uint8_t>(command->opc),
                   .namespace_id = command->nsid,
                   .blocks = (command->cdw12 & 0xffff) + 1,
                   .runs = {},
                   .done = done,
                   .context = context};
  sent.cdw12 = command->cdw12;
  sent.cdw14 = command->cdw14;
  sent.cdw15 = command->cdw15;
  sent.lba = static_cast<uint64_t>(command->cdw11) << 32 | command->cdw10;
  if (length > 0) sent.runs.push_back({static_cast<uint8_t*>(data), length});
  if (sent.bytes() > controller->max_transfer) controller->split++;
  return send(queue_pair, std::move(sent));
}

int spdk_nvme_ctrlr_cmd_abort_ext(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair, void* aborted,
                                  spdk_nvme_cmd_cb done, void* context) {
  const bool found =
      std::ranges::any_of(queue_pair->in_flight, [&](const auto& one) { return one.context == aborted; });
  if (!found) return -ENOENT;
  controller->aborts.push_back({queue_pair, aborted, done, context});
  return 0;
}

int spdk_nvme_ns_cmd_readv(spdk_nvme_ns* ns, spdk_nvme_qpair* queue_pair, uint64_t lba, uint32_t blocks,
                           spdk_nvme_cmd_cb done, void* context, uint32_t /*flags*/,
                           spdk_nvme_req_reset_sgl_cb reset, spdk_nvme_req_next_sge_cb next) {
  return send_vectored(ns, queue_pair, SPDK_NVME_OPC_READ, lba, blocks, done, context, reset, next);
}

int spdk_nvme_ns_cmd_writev(spdk_nvme_ns* ns, spdk_nvme_qpair* queue_pair, uint64_t lba, uint32_t blocks,
                            spdk_nvme_cmd_cb done, void* context, uint32_t /*flags*/,
                            spdk_nvme_req_reset_sgl_cb reset, spdk_nvme_req_next_sge_cb next) {
  return send_vectored(ns, queue_pair, SPDK_NVME_OPC_WRITE, lba, blocks, done, context, reset, next);
}

int spdk_nvme_ns_cmd_dataset_management(spdk_nvme_ns* ns, spdk_nvme_qpair* queue_pair, uint32_t /*type*/,
                                        const spdk_nvme_dsm_range* ranges, uint16_t /*count*/,
                                        spdk_nvme_cmd_cb done, void* context) {
  return send(queue_pair, {.opcode = SPDK_NVME_OPC_DATASET_MANAGEMENT,
                           .namespace_id = ns->id,
                           .lba = ranges[0].starting_lba,
                           .blocks = ranges[0].length,
                           .runs = {},
                           .done = done,
                           .context = context});
}

// What a controller and its namespaces say of themselves.

bool spdk_nvme_ns_is_active(spdk_nvme_ns* ns) {
  return ns->active;
}
uint32_t spdk_nvme_ns_get_sector_size(spdk_nvme_ns* ns) {
  return ns->block_size;
}
uint64_t spdk_nvme_ns_get_num_sectors(spdk_nvme_ns* ns) {
  return ns->blocks;
}
uint32_t spdk_nvme_ns_get_md_size(spdk_nvme_ns* ns) {
  return ns->metadata_size;
}
const spdk_nvme_ns_data* spdk_nvme_ns_get_data(spdk_nvme_ns* ns) {
  return &ns->identify;
}
const spdk_uuid* spdk_nvme_ns_get_uuid(const spdk_nvme_ns* ns) {
  return ns->uuid ? &*ns->uuid : nullptr;
}
uint32_t spdk_nvme_ns_get_optimal_io_boundary(spdk_nvme_ns* ns) {
  return ns->boundary;
}
spdk_nvme_ns* spdk_nvme_ctrlr_get_ns(spdk_nvme_ctrlr* controller, uint32_t id) {
  const auto found = controller->namespaces.find(id);
  return found == controller->namespaces.end() ? nullptr : &found->second;
}
uint32_t spdk_nvme_ctrlr_get_next_active_ns(spdk_nvme_ctrlr* controller, uint32_t id) {
  auto next = controller->namespaces.upper_bound(id);
  while (next != controller->namespaces.end() && !next->second.active) next++;
  return next == controller->namespaces.end() ? 0 : next->first;
}
uint32_t spdk_nvme_ctrlr_get_first_active_ns(spdk_nvme_ctrlr* controller) {
  return spdk_nvme_ctrlr_get_next_active_ns(controller, 0);
}
const spdk_nvme_ctrlr_data* spdk_nvme_ctrlr_get_data(spdk_nvme_ctrlr* controller) {
  return &controller->data;
}
uint64_t spdk_nvme_ctrlr_get_flags(spdk_nvme_ctrlr* /*controller*/) {
  return SPDK_NVME_CTRLR_SGL_SUPPORTED;
}
bool spdk_nvme_ctrlr_is_discovery(spdk_nvme_ctrlr* /*controller*/) {
  return false;
}
const spdk_nvme_transport_id* spdk_nvme_ctrlr_get_transport_id(spdk_nvme_ctrlr* controller) {
  return &controller->transport_id;
}
uint32_t spdk_nvme_ctrlr_get_max_xfer_size(const spdk_nvme_ctrlr* controller) {
  return controller->max_transfer;
}

// Queue pairs.

void spdk_nvme_ctrlr_get_default_io_qpair_opts(spdk_nvme_ctrlr* controller, spdk_nvme_io_qpair_opts* options,
                                               size_t size) {
  memset(options, 0, size);
  options->io_queue_size = controller->io_queue_size;
}

spdk_nvme_qpair* spdk_nvme_ctrlr_alloc_io_qpair(spdk_nvme_ctrlr* controller,
                                                const spdk_nvme_io_qpair_opts* options, size_t /*size*/) {
  if (fake::target().rejected_queue_pairs > 0) {
    fake::target().rejected_queue_pairs--;
    return nullptr;
  }
  auto* queue_pair = new spdk_nvme_qpair{.controller = controller, .requests = options->io_queue_requests};
  const std::lock_guard<std::mutex> guard(g_mutex);
  fake::queue_pairs().push_back(queue_pair);
  return queue_pair;
}

int spdk_nvme_ctrlr_connect_io_qpair(spdk_nvme_ctrlr* /*controller*/, spdk_nvme_qpair* queue_pair) {
  if (queue_pair->group != nullptr) fake::connect_in_group(*queue_pair);
  return 0;
}

void spdk_nvme_ctrlr_disconnect_io_qpair(spdk_nvme_qpair* queue_pair) {
  if (queue_pair->group != nullptr) return fake::disconnect_in_group(*queue_pair);
  note_wait();
  queue_pair->failed = true;
}

int spdk_nvme_ctrlr_free_io_qpair(spdk_nvme_qpair* queue_pair) {
  // As in SPDK before v22.05, which disconnects a queue pair after that.
  if (!queue_pair->failed) fake::target().completed_while_connected += queue_pair->in_flight.size();
  if (queue_pair->group != nullptr) fake::leave_group(*queue_pair);
  queue_pair->failed = true;
  queue_pair->abort_all();
  {
    const std::lock_guard<std::mutex> guard(g_mutex);
    std::erase(fake::queue_pairs(), queue_pair);
  }
  delete queue_pair;
  return 0;
}

spdk_nvme_qp_failure_reason spdk_nvme_qpair_get_failure_reason(spdk_nvme_qpair* queue_pair) {
  return queue_pair->failed ? SPDK_NVME_QPAIR_FAILURE_UNKNOWN : SPDK_NVME_QPAIR_FAILURE_NONE;
}

int32_t spdk_nvme_qpair_process_completions(spdk_nvme_qpair* queue_pair, uint32_t /*most*/) {
  spdk_nvme_ctrlr& controller = *queue_pair->controller;
  fake::target().queue_pair_polls++;
  if (controller.polls_unlocked) fake::target().polled_beside_unlocked++;
  if (controller.drop.exchange(false)) queue_pair->failed = true;
  if (queue_pair->failed) {
    queue_pair->abort_all();
    return -ENXIO;
  }
  if (controller.unread) return 0;
  spdk_nvme::spdk::socket_use.reads++;
  const size_t in_flight = queue_pair->in_flight.size();
  const size_t count = controller.completions_of_poll ? controller.completions_of_poll(in_flight) : in_flight;
  // As a read of a socket finds nothing then.
  const auto reads = [] { return !spdk_nvme::spdk::LastAnswer::has_come(); };
  for (size_t i = 0; i < count && !queue_pair->in_flight.empty() && reads(); i++) {
    const size_t left = queue_pair->in_flight.size();
    complete(queue_pair, controller.next_completed ? controller.next_completed(left) : 0, Abortion::none);
  }
  return static_cast<int32_t>(count);
}

// Memory.

void* spdk_zmalloc(size_t size, size_t align, uint64_t* /*physical*/, int /*socket*/, uint32_t /*flags*/) {
  if (fake::target().out_of_memory || size > fake::target().largest_free) return nullptr;
  void* memory = aligned_alloc(align, (size + align - 1) / align * align);
  if (memory != nullptr) memset(memory, 0, size);
  return memory;
}
void spdk_free(void* memory) {
  free(memory);
}

}  // extern "C"

// What native/spdk has beyond SPDK itself.
namespace spdk_nvme::spdk {

void log_to(LogSink /*sink*/) {}
void set_log_level(int /*level*/) {}
CmWaitLimit::CmWaitLimit(std::chrono::milliseconds /*limit*/, const std::function<bool()>* /*interrupted*/)
    : interrupted_before_(nullptr) {}
CmWaitLimit::~CmWaitLimit() = default;

}  // namespace spdk_nvme::spdk
