// What native/ also calls of SPDK releases that are newer than v22.05, so that the tests can be built with their headers.

#include "fake_spdk.h"
#include "native/spdk/release.h"

#if SPDK_NVME_RELEASE >= 2405
#include <spdk/keyring_module.h>
#endif

#include <cerrno>

extern "C" {

#if SPDK_NVME_RELEASE >= 2309
bool spdk_nvme_qpair_is_connected(spdk_nvme_qpair* queue_pair) {
  return queue_pair->phase == spdk_nvme_qpair::Phase::connected;
}
#endif

// No test has keys.
#if SPDK_NVME_RELEASE >= 2405
int spdk_keyring_init() {
  return 0;
}
void spdk_keyring_register_module(spdk_keyring_module* /*module*/) {}
int spdk_keyring_add_key(const spdk_key_opts* /*options*/) {
  return -ENOTSUP;
}
int spdk_keyring_remove_key(const char* /*name*/, spdk_keyring_module* /*module*/) {
  return 0;
}
spdk_key* spdk_keyring_get_key(const char* /*name*/) {
  return nullptr;
}
void spdk_keyring_put_key(spdk_key* /*key*/) {}
void* spdk_key_get_ctx(spdk_key* /*key*/) {
  return nullptr;
}
#endif

#if SPDK_NVME_RELEASE >= 2409
int spdk_nvme_ctrlr_set_keys(spdk_nvme_ctrlr* /*controller*/, spdk_nvme_ctrlr_key_opts* /*options*/) {
  return -ENOTSUP;
}
int spdk_nvme_ctrlr_authenticate(spdk_nvme_ctrlr* /*controller*/, spdk_nvme_authenticate_cb /*done*/,
                                 void* /*context*/) {
  return -ENOTSUP;
}
int spdk_nvme_qpair_authenticate(spdk_nvme_qpair* /*queue_pair*/, spdk_nvme_authenticate_cb /*done*/,
                                 void* /*context*/) {
  return -ENOTSUP;
}
spdk_nvme_pi_format spdk_nvme_ns_get_pi_format(spdk_nvme_ns* /*ns*/) {
  return SPDK_NVME_16B_GUARD_PI;
}
#endif

}  // extern "C"
