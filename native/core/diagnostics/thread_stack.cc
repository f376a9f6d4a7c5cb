#include "native/core/diagnostics/thread_stack.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <semaphore.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction() is POSIX's
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace spdk_nvme {

namespace {

constexpr int kMostFrames = 64;
/** A thread that has begun to walk its stack needs at most this long. */
constexpr std::chrono::milliseconds kWalkLimit{1'000};
constexpr std::chrono::microseconds kPause{200};

/** One request at a time, and its result. Never destroyed, because a signal may arrive at any time. */
struct Question {
  std::mutex mutex;
  /** The signal in use, once chosen. */
  int signal = 0;
  /**
   * The number of the request that waits for a result; 0 for none. The thread that takes it may write
   * the result.
   */
  std::atomic<int> open{0};
  int last = 0;
  sem_t answered;
  void* frames[kMostFrames] = {};
  int count = 0;
  void* interrupted_at = nullptr;

  Question() { sem_init(&answered, 0, 0); }
};

Question& question() {
  static auto* const instance = new Question();
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
  Question& asked = question();
  int number = info->si_value.sival_int;
  // A late response to an earlier request is dropped.
  if (info->si_code == SI_QUEUE && number != 0 && asked.open.compare_exchange_strong(number, 0)) {
    asked.interrupted_at = program_counter(context);
    asked.count = backtrace(asked.frames, kMostFrames);
    sem_post(&asked.answered);
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
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!attempt()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

bool wait_for_answer(Question& asked, std::chrono::milliseconds limit) {
  return try_for(limit, [&asked] { return sem_trywait(&asked.answered) == 0; });
}

/** The return addresses of the thread, innermost first; empty if it did not respond. */
std::vector<void*> walk(pid_t thread, std::chrono::milliseconds patience) {
  prepare_thread_stacks();
  Question& asked = question();
  std::unique_lock<std::mutex> alone(asked.mutex, std::defer_lock);
  if (!try_for(patience, [&alone] { return alone.try_lock(); })) return {};
  // The handler stays installed: a thread that has not responded gets the signal when it wakes up, which
  // would end the process without a handler.
  if (!still_ours(asked.signal)) asked.signal = install_handler();
  if (asked.signal == 0) return {};
  const int number = ++asked.last;
  asked.open.store(number);
  if (!send(thread, asked.signal, number) || !wait_for_answer(asked, patience)) {
    int expected = number;
    if (asked.open.compare_exchange_strong(expected, 0)) return {};
    if (!wait_for_answer(asked, kWalkLimit)) return {};  // it has just begun
  }
  // The frames of the handler and of the kernel's signal delivery come first.
  int first = 0;
  while (first < asked.count && asked.frames[first] != asked.interrupted_at) first++;
  if (first == asked.count) first = 0;
  // Parentheses: braces would make a list of two addresses.
  return std::vector<void*>(asked.frames + first, asked.frames + asked.count);
}

/** The functions of an ELF file, including those that it does not export, unless it was stripped. */
class SymbolTable {
 public:
  explicit SymbolTable(const char* path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat status {};
    if (fstat(file, &status) == 0 && status.st_size > static_cast<off_t>(sizeof(Header))) {
      size_ = static_cast<size_t>(status.st_size);
      void* data = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
      if (data != MAP_FAILED) data_ = static_cast<const char*>(data);
    }
    close(file);
    if (data_ != nullptr) read();
  }
  ~SymbolTable() {
    if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
  }
  SymbolTable(const SymbolTable&) = delete;
  SymbolTable& operator=(const SymbolTable&) = delete;

  /** The function that contains an address of the file; null for none. */
  const char* find(uintptr_t address, uintptr_t& begin) const {
    for (size_t i = 0; i < count_; i++) {
      const Symbol& symbol = symbols_[i];
      if ((symbol.st_info & 0xf) != STT_FUNC || address < symbol.st_value ||
          address >= symbol.st_value + symbol.st_size || symbol.st_name >= names_size_) {
        continue;
      }
      begin = symbol.st_value;
      return names_ + symbol.st_name;
    }
    return nullptr;
  }

 private:
  using Header = ElfW(Ehdr);
  using Section = ElfW(Shdr);
  using Symbol = ElfW(Sym);

  [[nodiscard]] bool inside(uint64_t offset, uint64_t size) const {
    return offset <= size_ && size <= size_ - offset;
  }

  void read() {
    const auto* header = reinterpret_cast<const Header*>(data_);
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_shentsize != sizeof(Section)) return;
    if (!inside(header->e_shoff, uint64_t{header->e_shnum} * sizeof(Section))) return;
    const auto* sections = reinterpret_cast<const Section*>(data_ + header->e_shoff);
    for (int i = 0; i < header->e_shnum; i++) {
      const Section& table = sections[i];
      if (table.sh_type != SHT_SYMTAB || table.sh_link >= header->e_shnum) continue;
      const Section& names = sections[table.sh_link];
      // The last byte ends the last name.
      if (!inside(table.sh_offset, table.sh_size) || !inside(names.sh_offset, names.sh_size)) continue;
      if (names.sh_size == 0 || data_[names.sh_offset + names.sh_size - 1] != '\0') continue;
      symbols_ = reinterpret_cast<const Symbol*>(data_ + table.sh_offset);
      count_ = table.sh_size / sizeof(Symbol);
      names_ = data_ + names.sh_offset;
      names_size_ = names.sh_size;
      return;
    }
  }

  const char* data_ = nullptr;
  size_t size_ = 0;
  const Symbol* symbols_ = nullptr;
  size_t count_ = 0;
  const char* names_ = nullptr;
  size_t names_size_ = 0;
};

using SymbolTables = std::map<std::string, std::unique_ptr<SymbolTable>>;

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                    free);
  return status == 0 ? text.get() : name;
}

std::string hex(uintptr_t number) {
  char text[2 + 2 * sizeof(number) + 1];
  snprintf(text, sizeof(text), "0x%zx", static_cast<size_t>(number));
  return text;
}

/** As `function+0x12 (library.so+0x3456)`; the part in brackets is input for addr2line. */
std::string describe_address(void* address, bool returns_here, SymbolTables& tables) {
  // The return address of a call may already belong to the next function.
  const auto wanted = reinterpret_cast<uintptr_t>(address) - (returns_here ? 1 : 0);
  Dl_info module{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): one byte before an address
  if (dladdr(reinterpret_cast<void*>(wanted), &module) == 0 || module.dli_fname == nullptr) {
    return hex(reinterpret_cast<uintptr_t>(address));
  }
  const auto base = reinterpret_cast<uintptr_t>(module.dli_fbase);
  auto& table = tables[module.dli_fname];
  if (!table) table = std::make_unique<SymbolTable>(module.dli_fname);
  uintptr_t begin = 0;
  const char* name = table->find(wanted - base, begin);
  if (name == nullptr && module.dli_sname != nullptr) {
    name = module.dli_sname;
    begin = reinterpret_cast<uintptr_t>(module.dli_saddr) - base;
  }
  const uintptr_t offset = reinterpret_cast<uintptr_t>(address) - base;
  const char* slash = strrchr(module.dli_fname, '/');
  const std::string place = std::string(slash == nullptr ? module.dli_fname : slash + 1) + "+" + hex(offset);
  return name == nullptr ? place : demangled(name) + "+" + hex(offset - begin) + " (" + place + ")";
}

/**
 * The first line of a file in the thread's /proc folder that begins with `prefix`, without it; empty if there
 * is none.
 */
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
  SymbolTables tables;
  for (size_t i = 0; i < frames.size(); i++) {
    if (frames[i] == nullptr) continue;
    text += "    at " + describe_address(frames[i], i > 0, tables) + "\n";
  }
  return text;
}

void prepare_thread_stacks() {
  void* frame = nullptr;
  backtrace(&frame, 1);
  question();
}

}  // namespace spdk_nvme
