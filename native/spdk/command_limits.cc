#include "native/spdk/command_limits.h"

#include <algorithm>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

namespace {

/** One page, which every controller transfers. */
constexpr uint32_t kDiscoveryCommandBytes = 4096;

}  // namespace

uint32_t max_command_bytes(spdk_nvme_ctrlr* controller) {
  // If the controller has no limit, SPDK returns that of the transport, the maximum of the type. For an MDTS
  // that is too large for its own arithmetic it returns 0.
  const uint32_t reported = spdk_nvme_ctrlr_get_max_xfer_size(controller);
  // SPDK skips it in the initialisation of a discovery controller.
  if (reported == 0 && spdk_nvme_ctrlr_is_discovery(controller)) return kDiscoveryCommandBytes;
  if (spdk_nvme_ctrlr_get_data(controller)->mdts == 0) return std::min(reported, kUnlimitedCommandBytes);
  return reported == 0 ? kMaxCommandBytes : std::min(reported, kMaxCommandBytes);
}

uint32_t max_command_segments(spdk_nvme_ctrlr* controller) {
  // NVME_RDMA_MAX_SGL_DESCRIPTORS and NVME_TCP_MAX_SGL_DESCRIPTORS.
  constexpr uint32_t kMostOfTransport = 16;
  constexpr uint32_t kCapsuleUnit = 16;
  // With this limit SPDK would never stop splitting.
  if (spdk_nvme_ctrlr_get_max_xfer_size(controller) == 0) return 1;
  if ((spdk_nvme_ctrlr_get_flags(controller) & SPDK_NVME_CTRLR_SGL_SUPPORTED) == 0) return 1;
  const bool rdma = spdk_nvme_ctrlr_get_transport_id(controller)->trtype == SPDK_NVME_TRANSPORT_RDMA;
  // Over TCP SPDK sends one descriptor, up to v23.01.
  if (!rdma && SPDK_NVME_RELEASE < 2305) return 1;
  const auto& fabrics = spdk_nvme_ctrlr_get_data(controller)->nvmf_specific;
  uint32_t most = kMostOfTransport;
  if (rdma) {
    // The descriptors travel in the command's capsule.
    const uint32_t capsule = std::max<uint32_t>(fabrics.ioccsz * kCapsuleUnit, sizeof(spdk_nvme_cmd));
    const auto room =
        static_cast<uint32_t>((capsule - sizeof(spdk_nvme_cmd)) / sizeof(spdk_nvme_sgl_descriptor));
    most = std::min(most, room);
    // nvmf_tgt moves each segment with its own work request, and waits until all of a command fit at the same
    // time: indefinitely, if they are more than it has. It has two for each command of the queue pair,
    // including the response, and as many RDMA reads (for writes) as this host's v20.07 offers: one for each.
    // From v22.05 on the queue pair has one command less than requested.
    spdk_nvme_io_qpair_opts options{};
    spdk_nvme_ctrlr_get_default_io_qpair_opts(controller, &options, sizeof(options));
    if (options.io_queue_size > 0) most = std::min(most, options.io_queue_size - 1);
  }
  if (fabrics.msdbd != 0) most = std::min<uint32_t>(most, fabrics.msdbd);
  return std::max(most, 1U);
}

}  // namespace spdk_nvme::spdk
