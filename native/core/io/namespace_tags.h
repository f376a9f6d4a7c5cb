#pragma once

#include <spdk/nvme.h>

#include <array>
#include <cstdint>
#include <unordered_map>

namespace spdk_nvme {

/**
 * Distinguishes a namespace from others that had its id before. Each namespace has a number that it keeps
 * over changes of its size and over resets, and that no other namespace of the process ever has. Commands
 * have the tag of their namespace. If the controller reports no identifier, a namespace of the same format under the
 * same id, of a subsystem with the same serial number, counts as the same. Thread: control.
 */
class NamespaceTags {
 public:
  /** Reads the namespaces of the controller from SPDK. Forgets those that it no longer has. */
  void update(spdk_nvme_ctrlr* controller);
  /** The tag of a namespace that the last update() found; never 0. */
  [[nodiscard]] uint32_t of(uint32_t id) const { return known_.at(id).tag; }

 private:
  struct Identity {
    std::array<uint8_t, 16> nguid{};
    uint64_t eui64 = 0;
    std::array<uint8_t, 16> uuid{};
    uint32_t block_size = 0;
    uint32_t metadata_size = 0;
    /**
     * Of the subsystem; zeroes for a namespace with an identifier, which makes the serial number unnecessary.
     */
    std::array<char, 20> serial{};

    bool operator==(const Identity&) const = default;
  };
  struct Known {
    Identity identity;
    uint32_t tag = 0;
  };

  static Identity identify(spdk_nvme_ctrlr* controller, spdk_nvme_ns* ns);

  std::unordered_map<uint32_t, Known> known_;
};

}  // namespace spdk_nvme
