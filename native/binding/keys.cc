#include "native/binding/keys.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/base/kernel_key.h"

namespace spdk_nvme {

namespace {

/** The most that SPDK reads of a DH-HMAC-CHAP key (NVME_AUTH_CHAP_KEY_MAX_SIZE); a key of TLS is shorter. */
constexpr size_t kMaxKeyBytes = 256;
/** SPDK's masks have a bit for each identifier. */
constexpr uint64_t kAllIdentifiers = UINT32_MAX;
/** The limits of the kernel: KEY_MAX_DESC_SIZE, and that of a key of type `user`. */
constexpr size_t kMaxDescriptionBytes = 4095;
constexpr uint64_t kMaxKernelKeyBytes = 32767;

/** Reads a key; empty bytes mean that there is none. */
std::shared_ptr<const spdk::Key> read_key(Napi::Env env, const Arguments& options, const char* name) {
  std::vector<uint8_t> text = options.bytes(name, kMaxKeyBytes);
  if (text.empty()) return nullptr;
  auto key = spdk::Key::add(std::move(text));
  if (key == nullptr) reject_argument(env, std::string(name) + " could not be stored: memory ran out");
  return key;
}

}  // namespace

spdk::Keys read_keys(Napi::Env env, const Arguments& options, spdk_nvme_transport_type transport) {
  spdk::Keys keys{
      .dhchap = read_key(env, options, "dhchapKey"),
      .dhchap_controller = read_key(env, options, "dhchapControllerKey"),
      .tls_psk = read_key(env, options, "tlsPsk"),
      .dhchap_digests = static_cast<uint32_t>(options.number("dhchapDigests", 0, kAllIdentifiers)),
      .dhchap_groups = static_cast<uint32_t>(options.number("dhchapGroups", 0, kAllIdentifiers))};
  if (keys.dhchap_controller && !keys.dhchap) reject_argument(env, "dhchapControllerKey needs dhchapKey");
  if (keys.tls_psk && transport != SPDK_NVME_TRANSPORT_TCP) reject_argument(env, "tlsPsk needs TCP");
  return keys;
}

Napi::Value read_kernel_key(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments options(info, 0);
  const std::string description = options.text("description", kMaxDescriptionBytes);
  const auto max_bytes = static_cast<size_t>(options.number("maxBytes", 1, kMaxKernelKeyBytes));
  std::vector<uint8_t> content;
  const int error = read_kernel_key(description, max_bytes, content);
  if (error != 0) return Napi::Number::New(env, error);
  auto bytes = Napi::Uint8Array::New(env, content.size());
  if (!content.empty()) memcpy(bytes.Data(), content.data(), content.size());
  explicit_bzero(content.data(), content.size());
  return bytes;
}

}  // namespace spdk_nvme
