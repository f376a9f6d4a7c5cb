// Stand-ins (see stand_in.h) for the functions by which SPDK and DPDK get file descriptors.

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
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "native/spdk/interpose/stand_in.h"

namespace spdk_nvme::spdk {

namespace {

using Open = int(const char*, int, ...);
using OpenAt = int(int, const char*, int, ...);
using OpenFile = FILE*(const char*, const char*);

/** The third argument of open(), which is there with some flags only. */
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

/** The open descriptors of this process, in order; empty when /proc does not tell. */
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

// Declared by names of their own, since the C library's headers make other functions of some: open() is
// open64() where files may be large, and inline where arguments are checked.
#define STAND_IN(name) __asm__(#name) __attribute__((used, visibility("hidden")))

extern "C" {

int stand_in_socket(int domain, int type, int protocol) STAND_IN(socket);
int stand_in_socketpair(int domain, int type, int protocol, int* pair) STAND_IN(socketpair);
int stand_in_accept(int listener, sockaddr* address, socklen_t* size) STAND_IN(accept);
int stand_in_accept4(int listener, sockaddr* address, socklen_t* size, int flags) STAND_IN(accept4);
int stand_in_memfd_create(const char* name, unsigned flags) STAND_IN(memfd_create);
int stand_in_epoll_create(int size) STAND_IN(epoll_create);
int stand_in_epoll_create1(int flags) STAND_IN(epoll_create1);
int stand_in_eventfd(unsigned value, int flags) STAND_IN(eventfd);
int stand_in_timerfd_create(int clock, int flags) STAND_IN(timerfd_create);
int stand_in_pipe(int* ends) STAND_IN(pipe);
int stand_in_pipe2(int* ends, int flags) STAND_IN(pipe2);
int stand_in_open(const char* path, int flags, ...) STAND_IN(open);
int stand_in_open64(const char* path, int flags, ...) STAND_IN(open64);
int stand_in_open_2(const char* path, int flags) STAND_IN(__open_2);
int stand_in_open64_2(const char* path, int flags) STAND_IN(__open64_2);
int stand_in_openat(int folder, const char* path, int flags, ...) STAND_IN(openat);
int stand_in_openat64(int folder, const char* path, int flags, ...) STAND_IN(openat64);
FILE* stand_in_fopen(const char* path, const char* mode) STAND_IN(fopen);
FILE* stand_in_fopen64(const char* path, const char* mode) STAND_IN(fopen64);

int stand_in_socket(int domain, int type, int protocol) {
  static const auto function = real<decltype(socket)>("socket");
  return function(domain, type | SOCK_CLOEXEC, protocol);
}

int stand_in_socketpair(int domain, int type, int protocol, int* pair) {
  static const auto function = real<decltype(socketpair)>("socketpair");
  return function(domain, type | SOCK_CLOEXEC, protocol, pair);
}

int stand_in_accept(int listener, sockaddr* address, socklen_t* size) {
  static const auto function = real<decltype(accept4)>("accept4");
  return function(listener, address, size, SOCK_CLOEXEC);
}

int stand_in_accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  static const auto function = real<decltype(accept4)>("accept4");
  return function(listener, address, size, flags | SOCK_CLOEXEC);
}

int stand_in_memfd_create(const char* name, unsigned flags) {
  static const auto function = real<decltype(memfd_create)>("memfd_create");
  return function(name, flags | MFD_CLOEXEC);
}

int stand_in_epoll_create(int /*size*/) {
  static const auto function = real<decltype(epoll_create1)>("epoll_create1");
  return function(EPOLL_CLOEXEC);
}

int stand_in_epoll_create1(int flags) {
  static const auto function = real<decltype(epoll_create1)>("epoll_create1");
  return function(flags | EPOLL_CLOEXEC);
}

int stand_in_eventfd(unsigned value, int flags) {
  static const auto function = real<decltype(eventfd)>("eventfd");
  return function(value, flags | EFD_CLOEXEC);
}

int stand_in_timerfd_create(int clock, int flags) {
  static const auto function = real<int(int, int)>("timerfd_create");
  return function(clock, flags | TFD_CLOEXEC);
}

int stand_in_pipe(int* ends) {
  static const auto function = real<decltype(pipe2)>("pipe2");
  return function(ends, O_CLOEXEC);
}

int stand_in_pipe2(int* ends, int flags) {
  static const auto function = real<decltype(pipe2)>("pipe2");
  return function(ends, flags | O_CLOEXEC);
}

int stand_in_open(const char* path, int flags, ...) {
  static const auto function = real<Open>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return function(path, flags | O_CLOEXEC, mode);
}

int stand_in_open64(const char* path, int flags, ...) {
  static const auto function = real<Open>("open64");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return function(path, flags | O_CLOEXEC, mode);
}

// These two are what open() without a mode becomes where arguments are checked.

int stand_in_open_2(const char* path, int flags) {
  static const auto function = real<Open>("open");
  return function(path, flags | O_CLOEXEC);
}

int stand_in_open64_2(const char* path, int flags) {
  static const auto function = real<Open>("open64");
  return function(path, flags | O_CLOEXEC);
}

int stand_in_openat(int folder, const char* path, int flags, ...) {
  static const auto function = real<OpenAt>("openat");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return function(folder, path, flags | O_CLOEXEC, mode);
}

int stand_in_openat64(int folder, const char* path, int flags, ...) {
  static const auto function = real<OpenAt>("openat64");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return function(folder, path, flags | O_CLOEXEC, mode);
}

FILE* stand_in_fopen(const char* path, const char* mode) {
  static const auto function = real<OpenFile>("fopen");
  return function(path, close_on_exec(mode).c_str());
}

FILE* stand_in_fopen64(const char* path, const char* mode) {
  static const auto function = real<OpenFile>("fopen64");
  return function(path, close_on_exec(mode).c_str());
}

}  // extern "C"

}  // namespace spdk_nvme::spdk
