#pragma once

#include <cstddef>
#include <cstdint>

namespace spdk_nvme {

/**
 * The memory that JavaScript shares with the polling thread, in words of 32 bits: a header; the submission
 * queue, the completion queue, the statuses and the results, one word for each slot; the commands; and the
 * segments of vectored ones. IoRing has the protocol. lib/native/ring-layout.ts has the same;
 * test/unit/ring-layout.test.ts compares the two.
 */
struct RingLayout {
  static constexpr uint32_t kHeaderWords = 32;
  static constexpr uint32_t kCommandWords = 16;
  static constexpr uint32_t kMaxSegments = 16;
  static constexpr uint32_t kSegmentWords = 3;

  /** Where the parts of a ring with this many slots begin. */
  struct Parts {
    explicit constexpr Parts(size_t slots)
        : completion_queue(submission_queue + slots),
          statuses(completion_queue + slots),
          results(statuses + slots),
          commands(results + slots),
          segments(commands + slots * kCommandWords),
          end(segments + slots * kMaxSegments * kSegmentWords) {}

    size_t submission_queue = kHeaderWords;
    size_t completion_queue;
    size_t statuses;
    size_t results;
    size_t commands;
    size_t segments;
    size_t end;
  };

  /** Header words, written by JavaScript: operations that have not settled, including waiting ones... */
  static constexpr uint32_t kPendingWord = 0;
  /** ... and a number that changes when a command is cancelled. */
  static constexpr uint32_t kCancelsWord = 1;
  /** Header words on a cache line of their own: how far the completion queue is filled, written by the polling thread... */
  static constexpr uint32_t kCompletedWord = 16;
  /**
   * ... and whether JavaScript wants a message at the next completion, and does not look until then: it sets it, and the
   * polling thread clears it, or JavaScript when it looks again.
   */
  static constexpr uint32_t kWakeWord = 17;

  /** Words of a command's slot. */
  static constexpr uint32_t kOperation = 0;
  static constexpr uint32_t kNamespace = 1;
  static constexpr uint32_t kBlockLow = 2;
  static constexpr uint32_t kBlockHigh = 3;
  static constexpr uint32_t kBlocks = 4;
  static constexpr uint32_t kRegion = 5;
  static constexpr uint32_t kOffset = 6;
  // Bytes of a block as the command transfers it, with its interleaved metadata unless the controller adds and strips that.
  // For commands without data the namespace's block size.
  static constexpr uint32_t kBlockSize = 7;
  static constexpr uint32_t kFlags = 8;
  static constexpr uint32_t kSegments = 9;
  /** Not zero: the command was cancelled. This or kRawCancel is the only word that changes after the command was published. */
  static constexpr uint32_t kCancel = 10;
  /** The tag of the namespace object, see NamespaceTags. */
  static constexpr uint32_t kTag = 11;
  /** CDW14 and CDW15, for commands with flags of protection information: the reference tag of the first block... */
  static constexpr uint32_t kReferenceTag = 12;
  /** ... and the application tag with its mask. */
  static constexpr uint32_t kApplicationTag = 13;
  // Raw commands have no blocks and no segments.
  static constexpr uint32_t kRawCancel = 3;
  static constexpr uint32_t kLength = 7;
  static constexpr uint32_t kRawTag = 8;
  static constexpr uint32_t kOpcode = 9;
  static constexpr uint32_t kCdw10 = 10;
  static constexpr uint32_t kRawDwords = 6;  // CDW10 to CDW15
  /** Dword 1 of its completion, written by the polling thread when it has completed. */
  static constexpr uint32_t kResultHigh = 2;

  /** The operation of a command; the first word of its slot. */
  enum Operation : uint32_t {
    flush = 0,
    write = 1,
    read = 2,
    write_uncorrectable = 4,
    compare = 5,
    write_zeroes = 8,
    deallocate = 9,
    verify = 12,
    /** Compare and Write as a fused pair; its data is that of both, one after the other. */
    compare_and_write = 254,
    raw = 255
  };

  /** A status word with this bit has an errno of this host instead of the controller's status. */
  static constexpr uint32_t kHostError = 1U << 31;
};

}  // namespace spdk_nvme
