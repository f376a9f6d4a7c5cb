// The targets that the fake of SPDK connects to. Longer than other files: one state under one lock.

#include "fake_target.h"

#include <spdk/env.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <mutex>
#include <set>
#include <thread>

#include "fake_spdk.h"
#include "native/core/connection/address_check.h"
#include "native/core/connection/rdma_devices.h"
#include "native/spdk/env.h"
#include "native/spdk/interpose/close_on_exec.h"
#include "native/spdk/interpose/connection_watch.h"
#include "native/spdk/release.h"

using spdk_nvme::spdk::ConnectionWatch;

namespace {

/** Between looks inside a call that waits for the target. */
constexpr std::chrono::microseconds kLook{200};
/** Polls that a connect takes. */
constexpr int kPollsOfConnect = 4;

struct AdminRequest {
  spdk_nvme_cmd command;
  void* data;
  uint32_t length;
  spdk_nvme_cmd_cb done;
  void* context;
};

thread_local ConnectionWatch* t_watch = nullptr;

/** Guards what follows. */
std::mutex g_mutex;
/**
 * Connects under way. One that was abandoned when its environment ended is never polled to its end; the list is never
 * destroyed, so that it is no leak, as in SPDK's own list.
 */
auto& g_probes = *new std::set<spdk_nvme_probe_ctx*>;
std::set<spdk_nvme_ctrlr*> g_controllers;
/** Watches whose established connections were broken. */
std::set<const ConnectionWatch*> g_broken;

bool is_disconnected(const ConnectionWatch* watch) {
  const std::lock_guard<std::mutex> guard(g_mutex);
  return g_broken.contains(watch);
}

}  // namespace

/** The admin queue of a controller. */
struct FakeLink {
  const ConnectionWatch* watch = nullptr;
  std::deque<AdminRequest> requests;
  spdk_nvme_aer_cb on_event = nullptr;
  void* event_context = nullptr;
  bool failed = false;
  /** SPDK has noticed that the connection has ended. */
  bool ended = false;
  std::atomic<bool> lost{false};
  /** SPDK disconnects the admin queue, which takes it some polls. */
  std::atomic<bool> disconnecting{false};
  std::atomic<bool> event{false};
  std::atomic<bool> ana_event{false};
  /** SPDK reads the ANA log itself. */
  bool reads_ana_log = false;

  void end_all(uint16_t status) {
    while (!requests.empty()) {
      const AdminRequest request = requests.front();
      requests.pop_front();
      spdk_nvme_cpl completion{};
      completion.status.sc = status & 0xff;
      request.done(request.context, &completion);
    }
  }
  /** Whether SPDK waits for a response of the target, until that comes or the connection is disconnected. */
  [[nodiscard]] bool waits_for_target() const {
    return fake::target().silent && !failed && !is_disconnected(watch) && !lost;
  }
  /** Waits for a response of the target as SPDK v20.07 does. False when the connection was disconnected first. */
  [[nodiscard]] bool wait_for_target() const {
    while (waits_for_target()) std::this_thread::sleep_for(kLook);
    return !fake::target().silent || failed;
  }
};

spdk_nvme_ctrlr::spdk_nvme_ctrlr() = default;
spdk_nvme_ctrlr::~spdk_nvme_ctrlr() = default;

struct spdk_nvme_probe_ctx {
  spdk_nvme_transport_id id;
  spdk_nvme_ctrlr_opts options;
  spdk_nvme_attach_cb attached;
  ConnectionWatch* watch;
  int polls = 0;
  int polls_in_vain = 0;
};

namespace fake {

Target& target() {
  static Target instance;
  return instance;
}

void lose_queue_pairs() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  for (spdk_nvme_ctrlr* controller : g_controllers) controller->drop = true;
}

void begin_to_disconnect_admin_queues() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  for (spdk_nvme_ctrlr* controller : g_controllers) controller->link->disconnecting = true;
}

void lose_admin_queues() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  for (spdk_nvme_ctrlr* controller : g_controllers) controller->link->lost = true;
}

void report_namespace_change() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  for (spdk_nvme_ctrlr* controller : g_controllers) controller->link->event = true;
}

void report_ana_change() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  for (spdk_nvme_ctrlr* controller : g_controllers) controller->link->ana_event = true;
}

size_t connects() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  return g_probes.size();
}

}  // namespace fake

namespace {

void destroy(spdk_nvme_ctrlr* controller) {
  {
    const std::lock_guard<std::mutex> guard(g_mutex);
    g_controllers.erase(controller);
  }
  // A user of SPDK must free them first.
  if (fake::has_queue_pairs(*controller)) abort();
  controller->link->end_all(SPDK_NVME_SC_ABORTED_SQ_DELETION);
  delete controller;
  fake::target().destroyed++;
}

}  // namespace

extern "C" {

// From connected to destroyed.

void spdk_nvme_ctrlr_get_default_ctrlr_opts(spdk_nvme_ctrlr_opts* options, size_t size) {
  memset(options, 0, size);
}

int spdk_nvme_transport_id_compare(const spdk_nvme_transport_id* one, const spdk_nvme_transport_id* other) {
  const int service = strcmp(one->trsvcid, other->trsvcid);
  return service != 0 ? service : strcmp(one->subnqn, other->subnqn);
}

spdk_nvme_probe_ctx* spdk_nvme_connect_async(const spdk_nvme_transport_id* id,
                                             const spdk_nvme_ctrlr_opts* options,
                                             spdk_nvme_attach_cb attached) {
  auto* probe = new spdk_nvme_probe_ctx{*id, *options, attached, t_watch};
  fake::target().admin_timeout_ms = options->admin_timeout_ms;
  const std::lock_guard<std::mutex> guard(g_mutex);
  g_probes.insert(probe);
  return probe;
}

int spdk_nvme_probe_poll_async(spdk_nvme_probe_ctx* probe) {
  // Silence is noticed only where somebody breaks the connection.
  const bool broken = probe->watch->disconnected() && probe->polls_in_vain++ >= fake::target().polls_in_vain;
  if (!broken && (fake::target().silent || ++probe->polls < kPollsOfConnect)) return -EAGAIN;
  if (!broken && !fake::target().rejects) {
    auto* controller = new spdk_nvme_ctrlr;
    controller->transport_id = probe->id;
    controller->max_transfer = 4096;
    controller->completions_of_poll = [](size_t in_flight) { return fake::target().silent ? 0 : in_flight; };
    controller->add(1, 512, 1024);
    controller->link = std::make_unique<FakeLink>();
    controller->link->watch = probe->watch;
#if SPDK_NVME_RELEASE >= 2107
    controller->link->reads_ana_log = !probe->options.disable_read_ana_log_page;
#endif
    {
      const std::lock_guard<std::mutex> guard(g_mutex);
      g_controllers.insert(controller);
    }
    fake::target().connected++;
    if (const uint32_t granted = fake::target().granted_keep_alive_ms; granted > 0)
      probe->options.keep_alive_timeout_ms = granted;
    probe->attached(&probe->options, &probe->id, controller, &probe->options);
  }
  {
    const std::lock_guard<std::mutex> guard(g_mutex);
    g_probes.erase(probe);
  }
  delete probe;
  return 0;
}

int spdk_nvme_detach(spdk_nvme_ctrlr* controller) {
  // It requests a shutdown of a controller that has not failed, and waits.
  static_cast<void>(controller->link->wait_for_target());
  destroy(controller);
  return 0;
}

#if SPDK_NVME_RELEASE >= 2205

struct spdk_nvme_detach_ctx {
  spdk_nvme_ctrlr* controller;
};

int spdk_nvme_detach_async(spdk_nvme_ctrlr* controller, spdk_nvme_detach_ctx** context) {
  *context = new spdk_nvme_detach_ctx{controller};
  return 0;
}

int spdk_nvme_detach_poll_async(spdk_nvme_detach_ctx* context) {
  if (context->controller->link->waits_for_target()) return -EAGAIN;
  destroy(context->controller);
  delete context;
  return 0;
}

#endif

void spdk_nvme_ctrlr_fail(spdk_nvme_ctrlr* controller) {
  controller->link->failed = true;
}
bool spdk_nvme_ctrlr_is_failed(spdk_nvme_ctrlr* controller) {
  return controller->link->failed || controller->link->ended;
}
spdk_nvme_qp_failure_reason spdk_nvme_ctrlr_get_admin_qp_failure_reason(spdk_nvme_ctrlr* controller) {
  const bool failed = controller->link->ended || controller->link->disconnecting;
  return failed ? SPDK_NVME_QPAIR_FAILURE_UNKNOWN : SPDK_NVME_QPAIR_FAILURE_NONE;
}

// What SPDK before v21.07 has no public function for, see native/spdk/namespaces.cc.

int nvme_ctrlr_identify_active_ns(spdk_nvme_ctrlr* controller) {
  controller->polls_unlocked = true;
  std::this_thread::sleep_for(kLook);
  const bool responded = controller->link->wait_for_target();
  controller->polls_unlocked = false;
  return responded ? 0 : -ENXIO;
}
int nvme_ns_construct(spdk_nvme_ns* /*ns*/, uint32_t /*id*/, spdk_nvme_ctrlr* /*controller*/) {
  return 0;
}
void nvme_ns_destruct(spdk_nvme_ns* ns) {
  ns->active = false;
}

// The admin queue.

void spdk_nvme_ctrlr_register_aer_callback(spdk_nvme_ctrlr* controller, spdk_nvme_aer_cb on_event,
                                           void* context) {
  controller->link->on_event = on_event;
  controller->link->event_context = context;
}

int spdk_nvme_ctrlr_cmd_admin_raw(spdk_nvme_ctrlr* controller, spdk_nvme_cmd* command, void* data,
                                  uint32_t length, spdk_nvme_cmd_cb done, void* context) {
  if (controller->link->failed) return -ENXIO;
  auto& requests = controller->link->requests;
  requests.push_back({*command, data, length, done, context});
  fake::target().most_admin_commands = std::max(fake::target().most_admin_commands.load(), requests.size());
  return 0;
}

int32_t spdk_nvme_ctrlr_process_admin_completions(spdk_nvme_ctrlr* controller) {
  FakeLink& link = *controller->link;
  fake::target().admin_polls++;
  if (link.failed || link.ended || link.lost || is_disconnected(link.watch)) return -ENXIO;
  if (link.event.exchange(false)) {
    // SPDK identifies the namespaces before it reports the change.
    if (!link.wait_for_target()) return -ENXIO;
    if (fake::target().ends_while_identifying.exchange(false)) {
      link.ended = true;
      for (auto& [id, ns] : controller->namespaces) ns.active = false;
    }
    spdk_nvme_cpl completion{};
    completion.cdw0 = SPDK_NVME_ASYNC_EVENT_TYPE_NOTICE | SPDK_NVME_ASYNC_EVENT_NS_ATTR_CHANGED << 8;
    if (link.on_event != nullptr) link.on_event(link.event_context, &completion);
  }
  // SPDK reports nothing where it cannot read the log.
  if (link.ana_event.exchange(false) && link.on_event != nullptr && !link.reads_ana_log) {
    constexpr uint32_t kAnaChange = 3;
    spdk_nvme_cpl completion{};
    completion.cdw0 = SPDK_NVME_ASYNC_EVENT_TYPE_NOTICE | kAnaChange << 8;
    link.on_event(link.event_context, &completion);
  }
  if (fake::target().silent || link.ended || link.disconnecting) return 0;
  const size_t count = link.requests.size() + controller->aborts.size();
  fake::complete_aborts(*controller);
  // Read once: a test may change it meanwhile.
  const int held_opcode = fake::target().held_opcode;
  const auto is_held = [held_opcode](const AdminRequest& one) { return one.command.opc == held_opcode; };
  std::deque<AdminRequest> held;
  std::ranges::copy_if(link.requests, std::back_inserter(held), is_held);
  std::erase_if(link.requests, is_held);
  link.end_all(SPDK_NVME_SC_SUCCESS);
  link.requests.insert(link.requests.begin(), held.begin(), held.end());
  return static_cast<int32_t>(count - held.size());
}

spdk_nvme_vs_register spdk_nvme_ctrlr_get_regs_vs(spdk_nvme_ctrlr* /*controller*/) {
  spdk_nvme_vs_register version{};
  version.raw = 0x10200;
  return version;
}

// What only descriptions ask for.

uint32_t spdk_nvme_ctrlr_get_num_ns(spdk_nvme_ctrlr* controller) {
  return static_cast<uint32_t>(controller->namespaces.size());
}
bool spdk_nvme_ctrlr_is_active_ns(spdk_nvme_ctrlr* controller, uint32_t id) {
  const auto found = controller->namespaces.find(id);
  return found != controller->namespaces.end() && found->second.active;
}
bool spdk_nvme_ns_supports_extended_lba(spdk_nvme_ns* ns) {
  return ns->metadata_size > 0 && ns->metadata_interleaved;
}
spdk_nvme_pi_type spdk_nvme_ns_get_pi_type(spdk_nvme_ns* ns) {
  return ns->protection_type;
}

void* spdk_malloc(size_t size, size_t /*align*/, uint64_t* /*physical*/, int /*socket*/, uint32_t /*flags*/) {
  return size > fake::target().largest_free ? nullptr : malloc(size);
}

}  // extern "C"

// What native/ has beyond SPDK itself.
namespace spdk_nvme {

Status check_address(const AddressCheck& check) {
  if (check.cancelled()) return Status::failure("ERR_SPDK_ABORTED", "stopped");
  return Status::success();
}

bool rdma_device_present() {
  return true;
}

namespace spdk {

MemoryUse memory_use() {
  return {.total = 1 << 30, .used = 0, .largest_free = 1 << 30};
}
const char* version_string() {
  return "a fake of SPDK";
}

NewDescriptors::NewDescriptors(bool needed) : needed_(needed) {}
NewDescriptors::~NewDescriptors() = default;
size_t count_descriptors() {
  return 1;
}

ConnectionWatch::~ConnectionWatch() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  g_broken.erase(this);
}
ConnectionWatch::Scope::Scope(ConnectionWatch& watch) : watch_(watch) {
  watch_.attempt_disconnected_ = false;
  t_watch = &watch;
}
ConnectionWatch::Scope::~Scope() {
  t_watch = nullptr;
}
void ConnectionWatch::disconnect_attempts() {
  attempts_disconnected_ = true;
}
void ConnectionWatch::disconnect_attempt() {
  attempt_disconnected_ = true;
}
void ConnectionWatch::note_dead() {}

void ConnectionWatch::disconnect_established() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  g_broken.insert(this);
}
ConnectionWatch::Reported ConnectionWatch::notify(const std::shared_ptr<SocketEvents>& /*events*/,
                                                  const Notify& /*notify*/) {
  return Reported::nothing;
}

}  // namespace spdk
}  // namespace spdk_nvme
