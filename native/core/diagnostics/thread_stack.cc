#include "native/core/diagnostics/thread_stack.h"

#include <execinfo.h>
#include <semaphore.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction() is POSIX's
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <mutex>
#include <vector>

#include "native/core/base/backoff.h"
#include "native/core/diagnostics/symbols.h"

namespace spdk_nvme {

namespace {

constexpr int kMostFrames = 64;
/** A thread that has begun to walk its stack needs at most this long. */
constexpr std::chrono::milliseconds kWalkLimit{1'000};

/** One request at a time, and its result. Never destroyed, because a signal may arrive at any time. */
struct Request {
  std::mutex mutex;
  /** The signal in use, once chosen. */
  int signal = 0;
  /** The number of the request that waits for a result; 0 for none. The thread that takes it may write the result. */
  std::atomic<int> open{0};
  int last = 0;
  sem_t responded;
  void* frames[kMostFrames] = {};
  int count = 0;
  void* interrupted_at = nullptr;

  Request() { sem_init(&responded, 0, 0); }
};

Request& request() {
  static auto* const instance = new Request();
  return *instance;
}

// NOLINTBEGIN(performance-no-int-to-ptr): registers are integers
void* program_counter(void* context) {
#if defined(__x86_64__)
  return reinterpret_cast<void*>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(static_cast<ucontext_t*>(context)->uc_mcontext.pc);
#else
  (void)context;
  return nullptr;
#endif
}
// NOLINTEND(performance-no-int-to-ptr)

/** Runs on the requested thread. Only code that is safe in a signal handler; see prepare_thread_stacks(). */
void on_signal(int /*signal*/, siginfo_t* info, void* context) {
  const int saved = errno;
  Request& asked = request();
  int number = info->si_value.sival_int;
  // A late response to an earlier request is dropped.
  if (info->si_code == SI_QUEUE && number != 0 && asked.open.compare_exchange_strong(number, 0)) {
    asked.interrupted_at = program_counter(context);
    asked.count = backtrace(asked.frames, kMostFrames);
    sem_post(&asked.responded);
  }
  errno = saved;
}

/** Takes a signal without a handler. 0 if the program handles all of them. */
int install_handler() {
  struct sigaction ours {};
  ours.sa_sigaction = on_signal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&ours.sa_mask);
  for (int signal = SIGRTMAX - 1; signal >= SIGRTMIN; signal--) {
    struct sigaction before {};
    if (sigaction(signal, nullptr, &before) != 0) continue;
    const bool free = (before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == SIG_DFL;
    if (free && sigaction(signal, &ours, nullptr) == 0) return signal;
  }
  return 0;
}

/** Whether the chosen signal is still ours: the program may have taken it since. */
bool still_ours(int signal) {
  struct sigaction now {};
  return signal != 0 && sigaction(signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
         now.sa_sigaction == on_signal;
}

bool send(pid_t thread, int signal, int number) {
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_int = number;
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, signal, &info) == 0;
}

/** Polls, because ThreadSanitizer does not know the timed waits of the C library. */
bool try_for(std::chrono::milliseconds limit, const std::function<bool()>& attempt) {
  const Backoff backoff;
  while (!attempt()) {
    if (backoff.elapsed() >= limit) return false;
    backoff.pause();
  }
  return true;
}

bool wait_for_response(Request& asked, std::chrono::milliseconds limit) {
  return try_for(limit, [&asked] { return sem_trywait(&asked.responded) == 0; });
}

/** The return addresses of the thread, innermost first; empty if it did not respond. */
std::vector<void*> walk(pid_t thread, std::chrono::milliseconds patience) {
  prepare_thread_stacks();
  Request& asked = request();
  std::unique_lock<std::mutex> alone(asked.mutex, std::defer_lock);
  if (!try_for(patience, [&alone] { return alone.try_lock(); })) return {};
  // The handler stays installed: a thread that has not responded gets the signal when it wakes up, which
  // would end the process without a handler.
  if (!still_ours(asked.signal)) asked.signal = install_handler();
  if (asked.signal == 0) return {};
  const int number = ++asked.last;
  asked.open.store(number);
  if (!send(thread, asked.signal, number) || !wait_for_response(asked, patience)) {
    int expected = number;
    if (asked.open.compare_exchange_strong(expected, 0)) return {};
    if (!wait_for_response(asked, kWalkLimit)) return {};  // it has just begun
  }
  // The frames of the handler and of the kernel's signal delivery come first.
  int first = 0;
  while (first < asked.count && asked.frames[first] != asked.interrupted_at) first++;
  if (first == asked.count) first = 0;
  // Parentheses: braces would make a list of two addresses.
  return std::vector<void*>(asked.frames + first, asked.frames + asked.count);
}

/** The first line of a file in the thread's /proc folder that begins with `prefix`, without it; empty if there is none. */
std::string read_proc(pid_t thread, const char* file, const std::string& beginning = "") {
  std::ifstream stream("/proc/self/task/" + std::to_string(thread) + "/" + file);
  std::string line;
  while (std::getline(stream, line)) {
    if (line.compare(0, beginning.size(), beginning) == 0) return line.substr(beginning.size());
  }
  return "";
}

}  // namespace

std::string describe_thread(pid_t thread, std::chrono::milliseconds patience) {
  const std::string name = read_proc(thread, "comm");
  if (name.empty()) return "thread " + std::to_string(thread) + " has ended\n";
  std::string text =
      name + " (thread " + std::to_string(thread) + ", " + read_proc(thread, "status", "State:\t") + ")";
  const std::string kernel = read_proc(thread, "wchan");
  if (!kernel.empty() && kernel != "0") text += " in the kernel's " + kernel;
  text += "\n";
  const std::vector<void*> frames = walk(thread, patience);
  if (frames.empty()) text += "    did not respond: it waits in the kernel, or blocks all signals\n";
  Symbols symbols;
  for (size_t i = 0; i < frames.size(); i++) {
    if (frames[i] == nullptr) continue;
    text += "    at " + symbols.describe(frames[i], i > 0) + "\n";
  }
  return text;
}

void prepare_thread_stacks() {
  void* frame = nullptr;
  backtrace(&frame, 1);
  request();
}

}  // namespace spdk_nvme
