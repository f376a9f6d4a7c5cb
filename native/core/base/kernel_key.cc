#include "native/core/base/kernel_key.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace spdk_nvme {

namespace {

/** The C library has no functions for these calls. */
long find_key(const char* description) {
  const long id = syscall(SYS_request_key, "user", description, nullptr, 0);
  if (id >= 0 || errno != ENOKEY) return id;
  // Not every session links its user's keyring.
  return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", description, 0);
}

}  // namespace

int read_kernel_key(const std::string& description, size_t max_bytes, std::vector<uint8_t>& content) {
  const long id = find_key(description.c_str());
  if (id < 0) return errno;
  content.resize(max_bytes);
  // Returns the length of the whole key, even if it has copied only a part.
  const long length = syscall(SYS_keyctl, KEYCTL_READ, id, content.data(), content.size());
  if (length >= 0 && static_cast<size_t>(length) <= max_bytes) {
    content.resize(static_cast<size_t>(length));
    return 0;
  }
  const int error = length < 0 ? errno : EFBIG;
  explicit_bzero(content.data(), content.size());
  content.clear();
  return error;
}

}  // namespace spdk_nvme
