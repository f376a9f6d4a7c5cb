#pragma once

namespace spdk_nvme::spdk {

/**
 * While one lives, SPDK does not wait on this thread for events of the RDMA connection manager.
 *
 * Before v22.05, disconnecting a queue pair waits inside the call for the target to say goodbye, up to a
 * second, and then goes on as if it had. A target that is dead says nothing, so a controller of four I/O
 * queues would take five seconds to detach, and a poller would stand still for a second with every queue pair
 * that fails. The wait polls rdma_get_cm_event(), and gives up at once when that fails.
 *
 * Does nothing where SPDK is a shared library, which finds librdmacm's function itself.
 */
class NoCmWait {
 public:
  explicit NoCmWait(bool wanted = true);
  ~NoCmWait();
  NoCmWait(const NoCmWait&) = delete;
  NoCmWait& operator=(const NoCmWait&) = delete;

 private:
  const bool before_;
};

}  // namespace spdk_nvme::spdk
