#include "native/core/io/namespace_tags.h"

#include <spdk/uuid.h>

#include <atomic>
#include <cstring>
#include <utility>

namespace spdk_nvme {

namespace {

uint32_t new_tag() {
  static std::atomic<uint32_t> last{0};
  uint32_t tag = 0;
  while (tag == 0) tag = ++last;
  return tag;
}

}  // namespace

void NamespaceTags::update(spdk_nvme_ctrlr* controller) {
  const auto before = std::exchange(known_, {});
  for (uint32_t id = spdk_nvme_ctrlr_get_first_active_ns(controller); id != 0;
       id = spdk_nvme_ctrlr_get_next_active_ns(controller, id)) {
    spdk_nvme_ns* ns = spdk_nvme_ctrlr_get_ns(controller, id);
    if (ns == nullptr || !spdk_nvme_ns_is_active(ns)) continue;
    const Identity identity = identify(controller, ns);
    const auto old = before.find(id);
    const bool same = old != before.end() && old->second.identity == identity;
    known_[id] = {.identity = identity, .tag = same ? old->second.tag : new_tag()};
  }
}

/** Reads the identity of a namespace. The size is no part of it: a disk that grows is the same disk. */
NamespaceTags::Identity NamespaceTags::identify(spdk_nvme_ctrlr* controller, spdk_nvme_ns* ns) {
  Identity identity;
  const spdk_nvme_ns_data* data = spdk_nvme_ns_get_data(ns);
  static_assert(sizeof(data->nguid) == sizeof(identity.nguid) &&
                sizeof(data->eui64) == sizeof(identity.eui64));
  memcpy(identity.nguid.data(), data->nguid, sizeof(identity.nguid));
  memcpy(&identity.eui64, &data->eui64, sizeof(identity.eui64));
  // Null where the controller gives none.
  if (const spdk_uuid* uuid = spdk_nvme_ns_get_uuid(ns); uuid != nullptr) {
    memcpy(identity.uuid.data(), uuid, sizeof(identity.uuid));
  }
  if (identity == Identity{}) {
    const auto& serial = spdk_nvme_ctrlr_get_data(controller)->sn;
    static_assert(sizeof(serial) == sizeof(identity.serial));
    memcpy(identity.serial.data(), serial, sizeof(identity.serial));
  }
  identity.block_size = spdk_nvme_ns_get_sector_size(ns);
  identity.metadata_size = spdk_nvme_ns_get_md_size(ns);
  return identity;
}

}  // namespace spdk_nvme
