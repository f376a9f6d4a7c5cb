#pragma once

#include <spdk/nvme.h>

#include <string>

namespace spdk_nvme::spdk {

/** Reads SPDK's text form of a transport id (spdk_nvme_transport_id_parse). False if SPDK rejects it. Thread: any. */
bool parse_transport_id(const std::string& text, spdk_nvme_transport_id& id);

}  // namespace spdk_nvme::spdk
