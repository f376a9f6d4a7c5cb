// Wraps (see wrapped.txt) the functions by which SPDK and DPDK get file descriptors.

#include "native/spdk/interpose/close_on_exec.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "native/spdk/interpose/socket_groups.h"

namespace spdk_nvme::spdk {

namespace {

/** The third argument of open(), which exists with some flags only. */
mode_t mode_of(int flags, va_list& arguments) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? va_arg(arguments, mode_t) : 0;
}

/** A mode of fopen(): "r" becomes "re"; what follows a comma stays at the end. */
std::string close_on_exec(const char* mode) {
  const size_t length = strcspn(mode, ",");
  std::string text(mode, length);
  if (text.find('e') == std::string::npos) text += 'e';
  return text + (mode + length);
}

/** The open descriptors of this process in ascending order; empty if /proc cannot be read. */
std::vector<int> open_descriptors() {
  std::vector<int> all;
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return all;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') all.push_back(atoi(entry->d_name));
  }
  closedir(folder);
  std::sort(all.begin(), all.end());
  return all;
}

void mark(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFD);
  if (flags >= 0 && (flags & FD_CLOEXEC) == 0) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
}

}  // namespace

NewDescriptors::NewDescriptors(bool needed) : needed_(needed) {
  if (needed_) before_ = open_descriptors();
}

NewDescriptors::~NewDescriptors() {
  if (!needed_) return;
  for (const int one : open_descriptors()) {
    if (!std::binary_search(before_.begin(), before_.end(), one)) mark(one);
  }
}

size_t count_descriptors() {
  return open_descriptors().size();
}

void mark_memory_files() {
  for (const int one : open_descriptors()) {
    const std::string link = "/proc/self/fd/" + std::to_string(one);
    constexpr char kName[] = "/memfd:";
    char target[sizeof(kName)] = {};
    const ssize_t length = readlink(link.c_str(), target, sizeof(kName) - 1);
    if (length > 0 && strcmp(target, kName) == 0) mark(one);
  }
}

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

decltype(accept4) __real_accept4;
decltype(close) __real_close;
decltype(epoll_create1) __real_epoll_create1;
decltype(eventfd) __real_eventfd;
decltype(fopen) __real_fopen;
decltype(fopen64) __real_fopen64;
decltype(memfd_create) __real_memfd_create;
decltype(open) __real_open;
decltype(open64) __real_open64;
decltype(openat) __real_openat;
decltype(openat64) __real_openat64;
decltype(pipe2) __real_pipe2;
decltype(socket) __real_socket;
decltype(socketpair) __real_socketpair;
decltype(timerfd_create) __real_timerfd_create;

/**
 * The number of a new descriptor, above those of standard input, output and error. A program may have closed these, as daemons do: a
 * connection that got such a number would be sent what the program prints.
 */
static int above_standard(int descriptor) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int reason = errno;
  __real_close(descriptor);
  errno = reason;
  return moved;
}

/** As above_standard(), for both ends of a pipe or a pair: -1, and neither is open, where there is no other number for one. */
static int both_above_standard(int result, int* ends) {
  if (result != 0) return result;
  for (int i = 0; i < 2; i++) ends[i] = above_standard(ends[i]);
  if (ends[0] >= 0 && ends[1] >= 0) return 0;
  const int reason = errno;
  for (int i = 0; i < 2; i++) {
    if (ends[i] >= 0) __real_close(ends[i]);
  }
  errno = reason;
  return -1;
}

int __wrap_socket(int domain, int type, int protocol) {
  return above_standard(__real_socket(domain, type | SOCK_CLOEXEC, protocol));
}

int __wrap_socketpair(int domain, int type, int protocol, int* pair) {
  return both_above_standard(__real_socketpair(domain, type | SOCK_CLOEXEC, protocol, pair), pair);
}

int __wrap_accept(int listener, sockaddr* address, socklen_t* size) {
  return above_standard(__real_accept4(listener, address, size, SOCK_CLOEXEC));
}

int __wrap_accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  return above_standard(__real_accept4(listener, address, size, flags | SOCK_CLOEXEC));
}

int __wrap_memfd_create(const char* name, unsigned flags) {
  return above_standard(__real_memfd_create(name, flags | MFD_CLOEXEC));
}

int __wrap_epoll_create1(int flags) {
  const int descriptor = above_standard(__real_epoll_create1(flags | EPOLL_CLOEXEC));
  if (descriptor < 0) failed_epolls++;
  return descriptor;
}

int __wrap_epoll_create(int /*size*/) {
  return __wrap_epoll_create1(0);
}

int __wrap_eventfd(unsigned value, int flags) {
  return above_standard(__real_eventfd(value, flags | EFD_CLOEXEC));
}

int __wrap_timerfd_create(clockid_t clock, int flags) {
  return above_standard(__real_timerfd_create(clock, flags | TFD_CLOEXEC));
}

int __wrap_pipe(int* ends) {
  return both_above_standard(__real_pipe2(ends, O_CLOEXEC), ends);
}

int __wrap_pipe2(int* ends, int flags) {
  return both_above_standard(__real_pipe2(ends, flags | O_CLOEXEC), ends);
}

int __wrap_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return above_standard(__real_open(path, flags | O_CLOEXEC, mode));
}

int __wrap_open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return above_standard(__real_open64(path, flags | O_CLOEXEC, mode));
}

// Headers that check arguments turn an open() without a mode into these two.

int __wrap___open_2(const char* path, int flags) {
  return above_standard(__real_open(path, flags | O_CLOEXEC));
}

int __wrap___open64_2(const char* path, int flags) {
  return above_standard(__real_open64(path, flags | O_CLOEXEC));
}

int __wrap_openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return above_standard(__real_openat(folder, path, flags | O_CLOEXEC, mode));
}

int __wrap_openat64(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return above_standard(__real_openat64(folder, path, flags | O_CLOEXEC, mode));
}

FILE* __wrap_fopen(const char* path, const char* mode) {
  return __real_fopen(path, close_on_exec(mode).c_str());
}

FILE* __wrap_fopen64(const char* path, const char* mode) {
  return __real_fopen64(path, close_on_exec(mode).c_str());
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
