#include "native/spdk/connect_failure.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <string_view>

namespace spdk_nvme::spdk {

namespace {

using Lines = std::vector<std::string>;
using Reason = ConnectFailure::Reason;

/** Status code type of the statuses that a Connect command is rejected with (command specific status). */
constexpr unsigned kCommandSpecific = 1;
/** NVMe over Fabrics, "Connect": the only one of these statuses after which the same Connect may succeed by itself. */
constexpr unsigned kControllerBusy = 0x81;

std::optional<NvmeStatus> rejection(unsigned sct, unsigned sc) {
  if (sct != kCommandSpecific) return std::nullopt;
  return NvmeStatus{static_cast<uint8_t>(sct), static_cast<uint8_t>(sc), sc != kControllerBusy};
}

/** Finds "sct N, sc M" in decimal digits, or "(SCT/SC)" in hexadecimal ones. */
std::optional<NvmeStatus> rejection_in(const std::string& line) {
  unsigned sct = 0;
  unsigned sc = 0;
  const size_t words = line.find("sct ");
  if (words != std::string::npos && sscanf(line.c_str() + words, "sct %u, sc %u", &sct, &sc) == 2) {
    if (const auto status = rejection(sct, sc)) return status;
  }
  for (size_t at = line.find('('); at != std::string::npos; at = line.find('(', at + 1)) {
    int end = 0;
    if (sscanf(line.c_str() + at, "(%2x/%2x)%n", &sct, &sc, &end) != 2 || end == 0) continue;
    if (const auto status = rejection(sct, sc)) return status;
  }
  return std::nullopt;
}

bool mention(const Lines& lines, std::initializer_list<std::string_view> texts) {
  return std::ranges::any_of(lines, [&](const std::string& line) {
    return std::ranges::any_of(texts,
                               [&](std::string_view text) { return line.find(text) != std::string::npos; });
  });
}

/** Whether SPDK itself aborted the Connect command, because its connection ended: "aborted, submission queue deleted". */
bool connect_was_aborted(const Lines& lines) {
  return std::ranges::any_of(lines, [](const std::string& line) {
    return line.ends_with("Connect command completed with error: sct 0, sc 8");
  });
}

Reason reason_in(const Lines& lines) {
  if (mention(lines, {"missing DH-HMAC-CHAP key"})) return Reason::key_missing;
  if (mention(lines, {"AUTH_", "DH-HMAC-CHAP", "challenge", "disallowed", "rvalid=0"}))
    return Reason::not_authenticated;
  if (mention(lines, {"SSL", "TLS"})) return Reason::not_encrypted;
  // With -ECANCELED the time for the response is over.
  if (mention(lines, {"Connect command failed, rc -125"})) return Reason::no_response;
  // Old releases log no status, and log the same when the connection ends.
  if (mention(lines, {"Connect command failed"})) {
    return connect_was_aborted(lines) ? Reason::unknown : Reason::rejected;
  }
  if (mention(lines, {"RDMA connect error -99", "address resolution error"})) return Reason::too_slow;
  if (mention(lines, {"via correct icresp"})) return Reason::no_response;
  if (mention(lines, {"rdma_resolve_addr", "route resolution error", "RDMA connect error", "connect() failed",
                      "sock connection error"})) {
    return Reason::unreachable;
  }
  if (mention(lines, {"ibv_reg_mr", "Cannot allocate memory"})) return Reason::memory_not_registered;
  // See make_whole_group().
  if (mention(lines, {"allocate sock group"})) return Reason::no_descriptors;
  if (mention(lines, {"allocate"})) return Reason::out_of_memory;
  return Reason::unknown;
}

void remove_all(std::string& line, const std::string& name) {
  if (name.empty()) return;
  for (size_t at = line.find(name); at != std::string::npos; at = line.find(name, at))
    line.erase(at, name.size());
}

}  // namespace

ConnectFailure connect_failure(Lines lines, std::vector<std::string> names) {
  // One may begin with the other.
  std::ranges::sort(names, std::ranges::greater(), &std::string::size);
  for (const std::string& name : names) {
    for (std::string& line : lines) remove_all(line, name);
  }
  for (const std::string& line : lines) {
    if (const auto status = rejection_in(line)) return {.reason = Reason::rejected, .status = status};
  }
  return {.reason = reason_in(lines), .status = std::nullopt};
}

}  // namespace spdk_nvme::spdk
