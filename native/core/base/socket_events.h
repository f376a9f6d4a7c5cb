#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace spdk_nvme {

/**
 * Calls a function when data arrives at a socket, or when its connection ends, so that the threads which serve many
 * idle connections can sleep. One thread for all sockets, started with the first. Thread: any.
 */
class SocketEvents {
 public:
  using Notify = std::function<void()>;
  enum class Kind {
    /** Data arrives, or the connection ends. */
    data,
    /** The connection ends. */
    end
  };

  SocketEvents() = default;
  ~SocketEvents() { stop(); }
  SocketEvents(const SocketEvents&) = delete;
  SocketEvents& operator=(const SocketEvents&) = delete;

  /**
   * Calls `notify`, which must not block, at each such event, also at one that is there already. False when the
   * process has no descriptor or thread for that: the caller has to look at the socket by itself.
   */
  [[nodiscard]] bool add(int socket, Kind kind, Notify notify);
  /** Removes a socket before it is closed. Its function is not called any more once this returns. */
  void remove(int socket);

  /** Ends the thread. Nothing can be added afterwards. */
  void stop();

 private:
  bool start();
  void watch() const;
  void notify(int socket) const;

  /** Guards what follows. Held during a function, so that remove() can wait for it. */
  mutable std::mutex mutex_;
  std::map<int, Notify> notify_;
  bool stopped_ = false;
  /** An epoll instance. Constant while the thread runs. */
  int events_ = -1;
  /** Readable once the thread is to end. */
  int ending_ = -1;
  std::thread thread_;
};

}  // namespace spdk_nvme
