#pragma once

#include <spdk/nvme.h>

#include <array>
#include <cstdint>
#include <unordered_map>

namespace spdk_nvme {

/**
 * What tells the namespaces of one controller from others that have had their ids: a number for each, which a
 * namespace keeps over changes of its size and over resets, and which no other namespace of the process ever
 * has. Commands carry the tag of the namespace that they are meant for. Where the controller gives no
 * identifier, a namespace of the same shape under the same id counts as the same. Control thread.
 */
class NamespaceTags {
 public:
  /** Takes over what SPDK says of the controller's namespaces. One that it has not any more is forgotten. */
  void update(spdk_nvme_ctrlr* controller);
  /** Of a namespace that the last update() found; never 0. */
  [[nodiscard]] uint32_t of(uint32_t id) const { return known_.at(id).tag; }

 private:
  struct Identity {
    std::array<uint8_t, 16> nguid{};
    uint64_t eui64 = 0;
    std::array<uint8_t, 16> uuid{};
    uint32_t block_size = 0;
    uint32_t metadata_size = 0;

    bool operator==(const Identity&) const = default;
  };
  struct Known {
    Identity identity;
    uint32_t tag = 0;
  };

  static Identity identify(spdk_nvme_ns* space);

  std::unordered_map<uint32_t, Known> known_;
};

}  // namespace spdk_nvme
