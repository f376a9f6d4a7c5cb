#include "connection_watch.h"

#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "release.h"

namespace spdk_nvme::spdk {

namespace {

thread_local bool t_no_wait = false;
thread_local ConnectionWatch* t_watch = nullptr;

}  // namespace

ConnectionWatch::Scope::Scope(ConnectionWatch& watch) : watch_(watch) {
  watch_.try_broken_.store(false, std::memory_order_release);
  if constexpr (!kAsyncQueuePairs) t_watch = &watch;
}

ConnectionWatch::Scope::~Scope() {
  t_watch = nullptr;
  const std::lock_guard<std::mutex> guard(watch_.mutex_);
  watch_.ids_.clear();
  watch_.sockets_.clear();
}

void ConnectionWatch::break_all() {
  broken_.store(true, std::memory_order_release);
  break_connections();
}

void ConnectionWatch::break_this_try() {
  try_broken_.store(true, std::memory_order_release);
  break_connections();
}

void ConnectionWatch::break_connections() {
  const std::lock_guard<std::mutex> guard(mutex_);
  // Its queue pair's commands end with errors, which is what SPDK waits for.
  for (rdma_cm_id* id : ids_) rdma_disconnect(id);
  for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
}

bool ConnectionWatch::add(rdma_cm_id* id) {
  const std::lock_guard<std::mutex> guard(mutex_);
  ids_.push_back(id);
  return !broken();
}

bool ConnectionWatch::add(int socket) {
  const std::lock_guard<std::mutex> guard(mutex_);
  sockets_.push_back(socket);
  return !broken();
}

void ConnectionWatch::remove(const rdma_cm_id* id) {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::erase(ids_, id);
}

void ConnectionWatch::remove(int socket) {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::erase(sockets_, socket);
}

NoCmWait::NoCmWait(bool wanted) : before_(t_no_wait) {
  if constexpr (!kAsyncQueuePairs) t_no_wait |= wanted;
}

NoCmWait::~NoCmWait() {
  t_no_wait = before_;
}

// The stand-ins, for the releases that need them.
#if SPDK_NVME_RELEASE < 2205

/** The function that a stand-in of this name stands in for. */
template <typename Function>
static Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

static int fail(int error) {
  errno = error;
  return -1;
}

extern "C" int rdma_get_cm_event(rdma_event_channel* channel, rdma_cm_event** event) {
  static const auto function = real<decltype(rdma_get_cm_event)>("rdma_get_cm_event");
  if (t_no_wait || (t_watch != nullptr && t_watch->broken())) return fail(ENOTCONN);
  return function(channel, event);
}

extern "C" int rdma_connect(rdma_cm_id* id, rdma_conn_param* parameters) {
  static const auto function = real<decltype(rdma_connect)>("rdma_connect");
  if (t_watch != nullptr && !t_watch->add(id)) return fail(ECANCELED);
  return function(id, parameters);
}

extern "C" void rdma_destroy_qp(rdma_cm_id* id) {
  static const auto function = real<decltype(rdma_destroy_qp)>("rdma_destroy_qp");
  if (t_watch != nullptr) t_watch->remove(id);
  function(id);
}

extern "C" int rdma_destroy_id(rdma_cm_id* id) {
  static const auto function = real<decltype(rdma_destroy_id)>("rdma_destroy_id");
  if (t_watch != nullptr) t_watch->remove(id);
  return function(id);
}

extern "C" int connect(int socket, const sockaddr* address, socklen_t size) {
  static const auto function = real<decltype(connect)>("connect");
  if (t_watch != nullptr && !t_watch->add(socket)) return fail(ECANCELED);
  return function(socket, address, size);
}

extern "C" int close(int descriptor) {
  static const auto function = real<decltype(close)>("close");
  if (t_watch != nullptr) t_watch->remove(descriptor);
  return function(descriptor);
}

#endif

}  // namespace spdk_nvme::spdk
