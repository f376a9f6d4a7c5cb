#include "native/core/connection/controller_info.h"

#include <spdk/uuid.h>

#include <algorithm>

#include "native/core/io/namespace_table.h"
#include "native/spdk/command_limits.h"
#include "native/spdk/namespaces.h"

namespace spdk_nvme {

namespace {

/** Optional NVM Command Support, in Identify Controller. */
constexpr size_t kOptionalCommands = 520;

/** The specification pads its ASCII fields with spaces. */
std::string trimmed(const void* field, size_t size) {
  std::string text(static_cast<const char*>(field), size);
  text.resize(std::min(text.find('\0'), text.size()));
  const size_t last = text.find_last_not_of(' ');
  text.resize(last == std::string::npos ? 0 : last + 1);
  return text;
}

/** Returns the hexadecimal digits of an identifier, or nothing when all bytes are zero, which means "not given". */
std::string identifier(const uint8_t* bytes, size_t size) {
  if (std::all_of(bytes, bytes + size, [](uint8_t byte) { return byte == 0; })) return "";
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

/** The UUID of the namespace identification descriptors; empty without one. */
std::string uuid_of(const spdk_nvme_ns* ns) {
  const spdk_uuid* uuid = spdk_nvme_ns_get_uuid(ns);
  if (uuid == nullptr) return "";
  std::string text = identifier(reinterpret_cast<const uint8_t*>(uuid), sizeof(*uuid));
  if (text.empty()) return "";
  for (const size_t hyphen : {8, 13, 18, 23}) text.insert(hyphen, 1, '-');
  return text;
}

/** A little-endian field of 16 bits at an offset from the specification; SPDK names the older ones only. */
uint32_t field16(const void* identify, size_t offset) {
  const auto* bytes = static_cast<const uint8_t*>(identify) + offset;
  return bytes[0] | bytes[1] << 8;
}

void read_optimal_sizes(spdk_nvme_ns* ns, NamespaceInfo& info) {
  constexpr size_t kFeatures = 24;
  constexpr uint8_t kOptimalPerformance = 1 << 4;
  info.io_boundary = spdk_nvme_ns_get_optimal_io_boundary(ns) * info.block_size;
  const void* data = spdk_nvme_ns_get_data(ns);
  if ((static_cast<const uint8_t*>(data)[kFeatures] & kOptimalPerformance) == 0) return;
  const auto bytes_at = [&](size_t offset) { return (field16(data, offset) + 1) * info.block_size; };
  info.write_granularity = bytes_at(64);
  info.write_alignment = bytes_at(66);
  info.deallocate_granularity = bytes_at(68);
  info.deallocate_alignment = bytes_at(70);
  info.write_size = bytes_at(72);
}

/** Maximum Source Range Count, Single Source Range Length and Copy Length, of which the first is one less than it says. */
void read_copy_limits(const void* identify, NamespaceInfo& info) {
  const uint32_t range_blocks = field16(identify, 74);
  const uint32_t blocks = field16(identify, 76) | field16(identify, 78) << 16;
  if (range_blocks == 0 || blocks == 0) return;
  info.copy_ranges = static_cast<const uint8_t*>(identify)[80] + 1U;
  info.copy_range_blocks = range_blocks;
  info.copy_blocks = blocks;
}

/** Checks two bits, because a controller may lack the form of the list of source ranges that is sent. */
bool has_copy(spdk_nvme_ctrlr* controller) {
  constexpr size_t kFormats = 534;
  const void* data = spdk_nvme_ctrlr_get_data(controller);
  return (field16(data, kOptionalCommands) & 1 << 8) != 0 && (field16(data, kFormats) & 1 << 0) != 0;
}

void read_optional_commands(spdk_nvme_ctrlr* controller, NamespaceInfo& info) {
  const uint32_t bits = field16(spdk_nvme_ctrlr_get_data(controller), kOptionalCommands);
  info.writes_uncorrectable = (bits & 1 << 1) != 0;
  info.compares = (bits & 1 << 0) != 0;
  info.deallocates = (bits & 1 << 2) != 0;
  info.writes_zeroes = (bits & 1 << 3) != 0;
  info.verifies = (bits & 1 << 7) != 0 && spdk::can_verify();
}

}  // namespace

ControllerInfo read_controller_info(spdk_nvme_ctrlr* controller) {
  const spdk_nvme_ctrlr_data* data = spdk_nvme_ctrlr_get_data(controller);
  ControllerInfo info;
  info.model = trimmed(data->mn, sizeof(data->mn));
  info.serial = trimmed(data->sn, sizeof(data->sn));
  info.firmware = trimmed(data->fr, sizeof(data->fr));
  info.subsystem_nqn = trimmed(data->subnqn, sizeof(data->subnqn));
  info.cntlid = data->cntlid;
  info.vendor_id = data->vid;
  info.version = spdk_nvme_ctrlr_get_regs_vs(controller).raw;
  info.max_transfer_bytes = spdk::max_command_bytes(controller);
  info.mdts = data->mdts;
  info.max_namespaces = data->nn;
  return info;
}

std::vector<NamespaceInfo> read_namespaces(spdk_nvme_ctrlr* controller, NamespaceTags& tags) {
  tags.update(controller);
  std::vector<NamespaceInfo> namespaces;
  for (uint32_t id = spdk_nvme_ctrlr_get_first_active_ns(controller); id != 0;
       id = spdk_nvme_ctrlr_get_next_active_ns(controller, id)) {
    spdk_nvme_ns* ns = spdk_nvme_ctrlr_get_ns(controller, id);
    if (ns == nullptr || !spdk_nvme_ns_is_active(ns)) continue;
    const spdk_nvme_ns_data* data = spdk_nvme_ns_get_data(ns);
    NamespaceInfo info;
    info.id = id;
    info.blocks = spdk_nvme_ns_get_num_sectors(ns);
    info.block_size = spdk_nvme_ns_get_sector_size(ns);
    info.metadata_size = spdk_nvme_ns_get_md_size(ns);
    info.metadata_interleaved = info.metadata_size > 0 && spdk_nvme_ns_supports_extended_lba(ns);
    info.protection_type = static_cast<uint32_t>(spdk_nvme_ns_get_pi_type(ns));
    info.protection_first = info.protection_type != 0 && data->dps.md_start != 0;
    info.guard_bits = info.protection_type != 0 ? spdk::guard_bits(ns) : 0;
    read_optimal_sizes(ns, info);
    read_optional_commands(controller, info);
    if (has_copy(controller)) read_copy_limits(data, info);
    info.compare_and_write_blocks = compare_and_write_blocks(controller, ns);
    info.uuid = uuid_of(ns);
    info.nguid = identifier(data->nguid, sizeof(data->nguid));
    const auto* eui64 = reinterpret_cast<const uint8_t*>(&data->eui64);
    info.eui64 = identifier(eui64, sizeof(data->eui64));
    info.tag = tags.of(id);
    namespaces.push_back(info);
  }
  return namespaces;
}

}  // namespace spdk_nvme
