// Loaded into a process before all else (LD_PRELOAD), it has RDMA devices do what soft-RoCE does in rare
// moments: report that a send ended well after it has reported that its queue pair has failed. It happens
// once on each completion queue that has been in good use for a while, and reports that on stderr.

#include <dlfcn.h>
#include <infiniband/verbs.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>

namespace {

/** An admin queue does not come so far, so that attaching is left alone. */
constexpr int kGoodUse = 1000;

struct Queue {
  int seen = 0;
  std::optional<ibv_wc> held;
  bool done = false;
};

/** Guards the following. */
std::mutex g_mutex;
std::map<const ibv_cq*, Queue> g_queues;
decltype(ibv_context_ops::poll_cq) g_poll = nullptr;

ibv_wc* find(ibv_wc_opcode opcode, ibv_wc* begin, ibv_wc* end) {
  return std::find_if(begin, end, [opcode](const ibv_wc& one) { return one.opcode == opcode; });
}

int poll_with_late_send(ibv_cq* cq, int most, ibv_wc* completions) {
  const int count = g_poll(cq, most, completions);
  if (count <= 0) return count;
  const std::lock_guard<std::mutex> guard(g_mutex);
  Queue& queue = g_queues[cq];
  queue.seen += count;
  if (queue.done || queue.seen < kGoodUse) return count;
  ibv_wc* const end = completions + count;
  if (!queue.held) {
    ibv_wc* const send = find(IBV_WC_SEND, completions, end);
    if (send == end) return count;
    queue.held = *send;
    std::copy(send + 1, end, send);
    return count - 1;
  }
  ibv_wc* const receive = find(IBV_WC_RECV, completions, end);
  if (receive == end || receive + 1 == completions + most) return count;
  queue.done = true;
  fputs("a late send\n", stderr);
  receive->status = IBV_WC_WR_FLUSH_ERR;
  // What stood there is lost with the queue pair.
  receive[1] = *queue.held;
  return std::max(count, static_cast<int>(receive + 2 - completions));
}

}  // namespace

/** In place of libibverbs' own. */
extern "C" __attribute__((visibility("default"))) ibv_context* ibv_open_device(ibv_device* device) {
  void* const library = dlopen("libibverbs.so.1", RTLD_NOW | RTLD_NOLOAD);
  const auto open = reinterpret_cast<decltype(ibv_open_device)*>(dlsym(library, "ibv_open_device"));
  ibv_context* const context = open(device);
  if (context == nullptr) return nullptr;
  const std::lock_guard<std::mutex> guard(g_mutex);
  g_poll = context->ops.poll_cq;
  context->ops.poll_cq = poll_with_late_send;
  return context;
}
