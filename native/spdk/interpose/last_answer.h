#pragma once

namespace spdk_nvme::spdk {

/**
 * Exists while a thread polls one queue pair. Once every outstanding command has completed, SPDK's next read would find nothing, and is
 * left out: it takes longer than all else between a completion and the next command of a program that has one at a time. A poll that begins
 * with nothing outstanding does read, so that the end of a connection is noticed.
 */
class LastAnswer {
 public:
  LastAnswer() { poll_ = Poll::reads; }
  ~LastAnswer() { poll_ = Poll::none; }
  LastAnswer(const LastAnswer&) = delete;
  LastAnswer& operator=(const LastAnswer&) = delete;

  /** Nothing is outstanding any more. Call this for the queue pair that is polled. */
  static void came() {
    Poll& poll = t_poll;
    if (poll == Poll::reads) poll = Poll::rests;
  }
  /** Whether a read of this thread would find nothing. */
  static bool has_come() { return t_poll == Poll::rests; }

 private:
  enum class Poll : char { none, reads, rests };
  inline static thread_local Poll t_poll = Poll::none;

  /** Of this thread: to look it up takes a call. */
  Poll& poll_ = t_poll;
};

}  // namespace spdk_nvme::spdk
