#pragma once

#include <poll.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace spdk_nvme::spdk {

/**
 * Keeps one thread from reading in vain from sockets that carry large transfers. Such a socket is looked at by poll() until data arrives:
 * poll() takes no lock, but each read takes the socket's, and what arrives meanwhile is left to the reading thread, which then does work of
 * the sending one. A loop with 32 reads of 128 KiB outstanding over a loopback completed a quarter more of them. Small transfers arrive
 * whole, and would only have a system call more.
 */
class EmptyReads {
 public:
  /** False while a read would find nothing. */
  [[nodiscard]] bool worth_reading(int socket) const {
    const State& state = states_[place(socket)];
    if (!state.empty || state.reads_since_large == kMany) return true;
    pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
    // Errors are for the read to report, as the end of the connection is.
    return poll(&ready, 1, 0) != 0;
  }

  /** @param size what the read returned */
  void note(int socket, ssize_t size) {
    State& state = states_[place(socket)];
    state.empty = size <= 0;
    if (size >= kLarge) {
      state.reads_since_large = 0;
    } else if (size > 0 && state.reads_since_large < kMany) {
      state.reads_since_large++;
    }
  }

 private:
  /** More than SPDK reads ahead of what it needs (32 KiB), which may be many small transfers. */
  static constexpr ssize_t kLarge = 48 << 10;
  static constexpr uint8_t kMany = 8;
  struct State {
    bool empty = false;
    uint8_t reads_since_large = kMany;
  };
  /** Sockets may share a place: that costs at most a look, or a read in vain. */
  static constexpr size_t kPlaces = 1024;
  static size_t place(int socket) { return static_cast<size_t>(socket) % kPlaces; }

  std::array<State, kPlaces> states_;
};

}  // namespace spdk_nvme::spdk
