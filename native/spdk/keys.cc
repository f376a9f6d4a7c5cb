#include "native/spdk/keys.h"

#include <cerrno>
#include <cstring>

#include "native/spdk/release_info.h"

#if SPDK_NVME_RELEASE >= 2405
#include <spdk/keyring_module.h>

#include <atomic>
#include <mutex>
#endif

namespace spdk_nvme::spdk {

#if SPDK_NVME_RELEASE >= 2405

namespace {

/** What SPDK's keyring stores with a key of ours: where its text is. */
struct Entry {
  const Key* key;
};

int add_entry(spdk_key* key, void* context) {
  static_cast<Entry*>(spdk_key_get_ctx(key))->key = static_cast<const Key*>(context);
  return 0;
}

void remove_entry(spdk_key* /*key*/) {}

int read_entry(spdk_key* key, void* buffer, int size) {
  const auto& text = static_cast<Entry*>(spdk_key_get_ctx(key))->key->text();
  if (text.size() > static_cast<size_t>(size)) return -ENOBUFS;
  memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

size_t entry_size() {
  return sizeof(Entry);
}

/** Starts the keyring, which nothing else does in a process without SPDK's application framework. */
spdk_keyring_module* keyring_module() {
  static spdk_keyring_module* const started = [] {
    static spdk_keyring_module module{};
    module.name = "spdk-nvme";
    module.add_key = add_entry;
    module.remove_key = remove_entry;
    module.get_key = read_entry;
    module.get_ctx_size = entry_size;
    spdk_keyring_register_module(&module);
    return spdk_keyring_init() == 0 ? &module : nullptr;
  }();
  return started;
}

std::string next_name() {
  static std::atomic<uint64_t> count{0};
  return "spdk-nvme-" + std::to_string(++count);
}

}  // namespace

std::shared_ptr<const Key> Key::add(std::vector<uint8_t> text) {
  const std::shared_ptr<Key> key(new Key(std::move(text)));
  spdk_keyring_module* const module = keyring_module();
  if (module == nullptr) return nullptr;
  key->name_ = next_name();
  spdk_key_opts options{};
  options.size = sizeof(options);
  options.name = key->name_.c_str();
  options.module = module;
  options.ctx = key.get();
  if (spdk_keyring_add_key(&options) != 0) return nullptr;
  key->key_ = spdk_keyring_get_key(key->name_.c_str());
  return key;
}

Key::~Key() {
  if (key_ != nullptr) {
    spdk_keyring_remove_key(name_.c_str(), keyring_module());
    spdk_keyring_put_key(key_);
  }
  explicit_bzero(text_.data(), text_.size());
}

void Keys::pass_to(spdk_nvme_ctrlr_opts& options) const {
  if (dhchap) options.dhchap_key = dhchap->get();
  if (dhchap_controller) options.dhchap_ctrlr_key = dhchap_controller->get();
  if (tls_psk) options.tls_psk = tls_psk->get();
  if (dhchap_digests != 0) options.dhchap_digests = dhchap_digests;
  if (dhchap_groups != 0) options.dhchap_dhgroups = dhchap_groups;
}

#else

std::shared_ptr<const Key> Key::add(std::vector<uint8_t> text) {
  return std::shared_ptr<Key>(new Key(std::move(text)));
}

Key::~Key() {
  explicit_bzero(text_.data(), text_.size());
}

void Keys::pass_to(spdk_nvme_ctrlr_opts& /*options*/) const {}

#endif

#if SPDK_NVME_RELEASE >= 2409

int set_keys(spdk_nvme_ctrlr* controller, const Keys& keys) {
  spdk_nvme_ctrlr_key_opts options{};
  options.size = sizeof(options);
  if (keys.dhchap) options.dhchap_key = keys.dhchap->get();
  if (keys.dhchap_controller) options.dhchap_ctrlr_key = keys.dhchap_controller->get();
  return spdk_nvme_ctrlr_set_keys(controller, &options);
}

bool io_queues_authenticate_again(spdk_nvme_ctrlr* controller) {
  return spdk_nvme_ctrlr_get_transport_id(controller)->trtype != SPDK_NVME_TRANSPORT_RDMA;
}

int authenticate(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair,
                 void (*done)(void* context, int status), void* context) {
  return queue_pair == nullptr ? spdk_nvme_ctrlr_authenticate(controller, done, context)
                               : spdk_nvme_qpair_authenticate(queue_pair, done, context);
}

#else

int set_keys(spdk_nvme_ctrlr* /*controller*/, const Keys& /*keys*/) {
  return -ENOTSUP;
}

bool io_queues_authenticate_again(spdk_nvme_ctrlr* /*controller*/) {
  return false;
}

int authenticate(spdk_nvme_ctrlr* /*controller*/, spdk_nvme_qpair* /*queue_pair*/,
                 void (* /*done*/)(void* context, int status), void* /*context*/) {
  return -ENOTSUP;
}

#endif

std::string unsupported_key_change() {
  return kChangesKeys ? "" : lacks("cannot change keys", "v24.09");
}

}  // namespace spdk_nvme::spdk
