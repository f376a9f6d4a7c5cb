#pragma once

// A fake of the functions of SPDK that rings, queue sets and pollers call, with SPDK's own headers. It
// keeps to what SPDK v20.07 does with requests: a queue pair has so many, a command is split into children
// when it is larger than the controller or the namespace allows, -ENOMEM says that there are too few, and all
// that a queue pair has ends as aborted when it is freed. Like SPDK it takes no lock: ThreadSanitizer finds
// who calls it from two threads.

#include <spdk/nvme.h>
#include <spdk/uuid.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

/** One NVMe command that the fake has been given. */
struct FakeCommand {
  uint8_t opcode = 0;
  uint32_t namespace_id = 0;
  uint64_t lba = 0;
  uint32_t blocks = 0;
  struct Run {
    uint8_t* address;
    uint32_t length;
  };
  std::vector<Run> runs;
  spdk_nvme_cmd_cb done = nullptr;
  void* context = nullptr;
  /** Requests of the queue pair: more than one for a command that SPDK had to split. */
  uint32_t requests = 1;
  uint32_t cdw12 = 0;
  uint32_t cdw14 = 0;
  uint32_t cdw15 = 0;

  [[nodiscard]] uint64_t bytes() const;
};

struct FakeLink;

struct spdk_nvme_ns {
  uint32_t id = 0;
  uint32_t block_size = 0;
  uint64_t blocks = 0;
  uint32_t boundary = 0;
  uint32_t metadata_size = 0;
  bool metadata_interleaved = true;
  spdk_nvme_pi_type protection_type = SPDK_NVME_FMT_NVM_PROTECTION_DISABLE;
  /** Read by those who poll, while the thread that polls the admin queue changes it. */
  std::atomic<bool> active{true};
  std::vector<uint8_t> data;
  /** Its identifiers. */
  spdk_nvme_ns_data identify{};
  std::optional<spdk_uuid> uuid;
  spdk_nvme_ctrlr* controller = nullptr;
};

struct spdk_nvme_ctrlr {
  spdk_nvme_ctrlr_data data{};
  spdk_nvme_transport_id transport_id{};
  uint32_t max_transfer = UINT32_MAX;
  uint32_t max_segments = 1;
  uint32_t io_queue_size = 128;
  std::map<uint32_t, spdk_nvme_ns> namespaces;

  /** What becomes of a command; null for what it asks for. */
  std::function<spdk_nvme_status(const FakeCommand&)> status;
  /** Dword 1 of completions. */
  uint32_t second_dword = 0;
  /** Called with every command that is accepted. */
  std::function<void(const FakeCommand&)> seen;
  /** What sending a command returns instead of being sent; 0 sends it. */
  std::function<int()> reject;
  /** How many commands a poll completes, and which of those in flight is the next one. */
  std::function<size_t(size_t in_flight)> completions_of_poll;
  std::function<size_t(size_t in_flight)> next_completed;
  /** An Abort that has not completed. */
  struct Abort {
    spdk_nvme_qpair* queue_pair;
    void* aborted;
    spdk_nvme_cmd_cb done;
    void* context;
  };
  std::deque<Abort> aborts;
  /** Whether an Abort that arrives in time has an effect. */
  bool aborts_commands = true;
  /** Commands split by the fake: a ring that does its work leaves it none. */
  uint32_t split = 0;
  /** SPDK polls the admin queue without its lock. */
  std::atomic<bool> polls_unlocked{false};
  /** SPDK reads no more from the sockets of its queue pairs, and completes nothing. */
  bool unread = false;
  /** The connection of the next queue pair that is polled is lost. Any thread. */
  std::atomic<bool> drop{false};
  /** What fake_target.cc adds for a controller that was connected. */
  std::unique_ptr<FakeLink> link;

  // Out of line: FakeLink is complete there.
  spdk_nvme_ctrlr();
  ~spdk_nvme_ctrlr();

  spdk_nvme_ns& add(uint32_t id, uint32_t block_size, uint64_t blocks, uint32_t boundary = 0);

  /** Says that it takes fused pairs. The bit's name depends on the release (seen: v24.09, v26.05). */
  void announce_compare_and_write() { memset(&data.fuses, 1, 1); }
};

struct spdk_nvme_qpair {
  spdk_nvme_ctrlr* controller = nullptr;
  uint32_t requests = 0;
  uint32_t requests_used = 0;
  std::deque<FakeCommand> in_flight{};
  bool failed = false;
  /** Null unless it was added to one; then its group connects and disconnects it. */
  spdk_nvme_poll_group* group = nullptr;
  enum class Phase { added, connecting, connected, disconnecting, disconnected } phase = Phase::added;
  /** Polls of the group until a phase that ends by itself does. */
  int polls_left = 0;

  /** Ends all that is in flight as SPDK does when the connection is lost. */
  void abort_all();
};

namespace fake {

/** The queue pairs that there are, in the order of their allocation. Not for use beside threads... */
std::vector<spdk_nvme_qpair*>& queue_pairs();
/** ... but this is. */
bool has_queue_pairs(const spdk_nvme_ctrlr& controller);

// For a queue pair in a poll group.

void connect_in_group(spdk_nvme_qpair& queue_pair);
void disconnect_in_group(spdk_nvme_qpair& queue_pair);
/** Aborts the process where the queue pair was not disconnected before. */
void leave_group(spdk_nvme_qpair& queue_pair);

/** The controller completes all Aborts. */
void complete_aborts(spdk_nvme_ctrlr& controller);

/** A controller that completes in any order, now and then not at all in a poll, as the generator has it. */
void complete_at_random(spdk_nvme_ctrlr& controller, std::mt19937_64& random);

}  // namespace fake
