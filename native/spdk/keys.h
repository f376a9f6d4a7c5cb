#pragma once

#include <spdk/nvme.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/spdk/release.h"

struct spdk_key;  // older releases have none

namespace spdk_nvme::spdk {

/** Whether SPDK takes keys for DH-HMAC-CHAP and TLS: in spdk_nvme_ctrlr_opts, from its keyring. */
inline constexpr bool kTakesKeys = SPDK_NVME_RELEASE >= 2405;

/** Whether the keys of a connected controller can be changed. */
inline constexpr bool kChangesKeys = SPDK_NVME_RELEASE >= 2409;
/** Why they cannot, for messages; empty if they can. */
std::string unsupported_key_change();

/** A secret in SPDK's keyring. With its last reference it is removed from there and wiped. */
class Key {
 public:
  /** Takes the text of a key, `DHHC-1:…` or `NVMeTLSkey-1:…`. Null if memory ran out. Thread: any. */
  static std::shared_ptr<const Key> add(std::vector<uint8_t> text);
  ~Key();
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  [[nodiscard]] const std::vector<uint8_t>& text() const { return text_; }
  /** SPDK's controllers keep it without a reference of their own, so the key must outlive them. */
  [[nodiscard]] spdk_key* get() const { return key_; }

 private:
  explicit Key(std::vector<uint8_t> text) : text_(std::move(text)) {}

  std::vector<uint8_t> text_;
  std::string name_;
  spdk_key* key_ = nullptr;  // null for releases without a keyring
};

/** What a host and a controller authenticate each other with, and what encrypts their connections. */
struct Keys {
  /** Proves to the controller who this host is; null: the host does not authenticate. */
  std::shared_ptr<const Key> dhchap;
  /** Proves to this host who the controller is; null: no proof is requested. Needs `dhchap`. */
  std::shared_ptr<const Key> dhchap_controller;
  /** The pre-shared key of TLS 1.3, over TCP; null: no encryption. */
  std::shared_ptr<const Key> tls_psk;
  /** A bit for the identifier of each hash function and group that may be negotiated; 0: all that SPDK has. */
  uint32_t dhchap_digests = 0;
  uint32_t dhchap_groups = 0;

  [[nodiscard]] bool any() const { return dhchap || dhchap_controller || tls_psk; }
  /** Passes them to SPDK. Where it takes none the caller rejects them first, see kTakesKeys. */
  void pass_to(spdk_nvme_ctrlr_opts& options) const;
};

/**
 * Has SPDK authenticate with the DH-HMAC-CHAP keys from now on; what is connected stays as it is. 0 or a negative errno. Only
 * with kChangesKeys. Holds: linger lock (exclusive).
 */
int set_keys(spdk_nvme_ctrlr* controller, const Keys& keys);
/**
 * Whether the I/O queue pairs can authenticate again. Those of RDMA cannot (seen: v24.09, v26.05): they would stay in the state
 * "connecting" indefinitely, because a poll group completes it only for queue pairs that were just added.
 */
bool io_queues_authenticate_again(spdk_nvme_ctrlr* controller);
/**
 * Has a queue pair authenticate again, for null the admin queue. 0 or a negative errno; for 0, `done` is called with the
 * outcome by the thread that polls the queue pair, or never if its connection ends otherwise. Only with kChangesKeys. Holds:
 * linger lock (exclusive).
 */
int authenticate(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair,
                 void (*done)(void* context, int status), void* context);

}  // namespace spdk_nvme::spdk
