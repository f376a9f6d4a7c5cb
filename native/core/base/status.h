#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace spdk_nvme {

/** An NVMe completion status as the controller sent it (NVMe base specification, "Completion Queue Entry"). */
struct NvmeStatus {
  uint8_t sct = 0;
  uint8_t sc = 0;
  bool dnr = false;
};

/**
 * The result of a native operation. `code` is a string literal from the catalogue in lib/errors/catalogue.ts,
 * so it can be copied between threads freely; an empty code is success.
 */
struct Status {
  const char* code = "";
  std::string message;
  int error_number = 0;
  std::optional<NvmeStatus> nvme;

  [[nodiscard]] bool ok() const { return *code == '\0'; }

  static Status success() { return {}; }
  static Status failure(const char* code, std::string message, int error_number = 0) {
    return Status{code, std::move(message), error_number, std::nullopt};
  }
};

}  // namespace spdk_nvme
