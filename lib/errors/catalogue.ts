// Every error code: what it means, and what to do. Longer than other files: an entry for each.

/** The meaning of an error code and its remedy. */
export interface CatalogueEntry {
  /** One sentence: what happened. */
  readonly meaning: string;
  /** One sentence: what to do about it. */
  readonly remedy: string;
}

/**
 * Every code that this package's errors carry, grouped by what has to change: the installation, the call, the
 * machine, the target, or nothing at all. A code never changes its meaning; new failures get new codes.
 */
export const errorCatalogue = {
  // The installation
  ERR_SPDK_ADDON_MISSING: {
    meaning: 'The native addon has not been built.',
    remedy:
      'Build it with `npx spdk-nvme build`, or with `npm run setup` in a checkout of this package; the message says why it was not built before.',
  },
  ERR_SPDK_ADDON_BROKEN: {
    meaning: 'The native addon exists but Node.js cannot load it.',
    remedy: 'Read the cause, then rebuild the addon with this Node.js and this SPDK: `npx spdk-nvme build`.',
  },

  // The call
  ERR_SPDK_INVALID_ARG_TYPE: {
    meaning: 'An argument or option has the wrong type.',
    remedy: 'Pass a value of the type that the message names.',
  },
  ERR_SPDK_INVALID_ARG_VALUE: {
    meaning: 'An argument or option has the right type but a value that is not allowed.',
    remedy: 'Pass a value within the range that the message names.',
  },
  ERR_SPDK_UNKNOWN_OPTION: {
    meaning: 'An options object has a key that this function does not know.',
    remedy: 'Correct the spelling as the message suggests, or remove the key.',
  },
  ERR_SPDK_CONFLICTING_OPTIONS: {
    meaning: 'Two options contradict each other.',
    remedy: 'Change or remove one of the two options that the message names.',
  },
  ERR_SPDK_INVALID_TRANSPORT_ID: {
    meaning: 'A transport id is malformed, incomplete or contradicts itself.',
    remedy:
      'Write it like `trtype:RDMA adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420 subnqn:nqn.2016-06.io.spdk:cnode1`.',
  },
  ERR_SPDK_INVALID_NQN: {
    meaning: 'An NVMe Qualified Name is malformed.',
    remedy: 'Use `nqn.yyyy-mm.reverse.domain:name`, at most 223 bytes of UTF-8 without white space.',
  },

  ERR_SPDK_INVALID_KEY: {
    meaning: 'A secret key is malformed, has the wrong length or cannot be read.',
    remedy:
      'Make one with `nvme gen-dhchap-key` or `nvme gen-tls-key`; a file must be readable by its owner alone.',
  },

  // The state of the environment or the controller
  ERR_SPDK_ENV_ALREADY_OPEN: {
    meaning: 'This JavaScript thread already has an SPDK environment, which may be opening or closing.',
    remedy:
      'Share the open environment, wait for its `close()` before opening another, or open one in a worker thread.',
  },
  ERR_SPDK_ENV_CLOSED: {
    meaning: 'The SPDK environment is closed or closing.',
    remedy: 'Open an environment with `Environment.init` before this call, and close it after the last one.',
  },
  ERR_SPDK_ENV_NOT_REUSABLE: {
    meaning:
      'SPDK, which starts only once in a process, runs with less memory than `memoryMb` or has failed to start.',
    remedy:
      'Give the first `Environment.init` of the process the largest `memoryMb`, or start a new process.',
  },
  ERR_SPDK_ALREADY_ATTACHED: {
    meaning:
      'The controller with this transport id is already attached or being attached, by the same host from the same address.',
    remedy:
      'Use the attached controller from `env.controllers`, detach it first, or attach as another host with `hostNqn`.',
  },
  ERR_SPDK_DETACHING: {
    meaning: 'The controller is being detached.',
    remedy: 'Await its `detach()` before attaching it again.',
  },
  ERR_SPDK_CONTROLLER_DETACHED: {
    meaning: 'The controller has been detached and can no longer be used.',
    remedy: 'Attach it again and use the new controller.',
  },
  ERR_SPDK_CONTROLLER_FAILED: {
    meaning: 'The link to the controller or the controller itself has failed.',
    remedy:
      'Fix the link or the target, then call `reset()`, or detach the controller and attach it again; with `ctrlrLossTimeoutMs` it reconnects by itself.',
  },

  ERR_SPDK_FILE_CLOSED: {
    meaning: 'The file over a namespace is closed or being closed.',
    remedy: 'Open the namespace again with `open()` of `spdk-nvme/file`.',
  },

  // The machine
  ERR_SPDK_ENV_INIT_FAILED: {
    meaning: 'SPDK or DPDK could not start its environment.',
    remedy:
      'Read the log lines before this error (`logLevel: "debug"` shows more); they name what SPDK or DPDK lacked.',
  },
  ERR_SPDK_NO_HUGEPAGES: {
    meaning: 'There are not enough free hugepages for the requested memory.',
    remedy:
      'Reserve more (`sysctl vm.nr_hugepages=256` gives 512 MiB of 2 MiB pages), raise the hugetlb limit of the process’s cgroup if it has one, or lower `memoryMb`.',
  },
  ERR_SPDK_NO_MEMORY: {
    meaning: 'Memory ran out, in SPDK’s hugepages or in the process.',
    remedy: 'Raise `memoryMb`, lower `queueDepth` or `ioQueues`, or detach controllers that are not needed.',
  },
  ERR_SPDK_NO_THREADS: {
    meaning: 'The process has reached its limit of threads.',
    remedy:
      'Raise `ulimit -u`, or `pids.max` of its cgroup (`TasksMax=` in a systemd unit, `--pids-limit` for a container); then try again.',
  },
  ERR_SPDK_NO_DESCRIPTORS: {
    meaning: 'The process has reached its limit of open files.',
    remedy:
      'Raise `ulimit -n` (`LimitNOFILE=` in a systemd unit), or close files that are not needed; then try again.',
  },
  ERR_SPDK_NO_PERMISSION: {
    meaning: 'The process has no permission for something that SPDK needs to start.',
    remedy: 'Read the log lines before this error, which name it, and give this user access to it.',
  },
  ERR_SPDK_MEMLOCK_LIMIT: {
    meaning: 'The limit on locked memory is too low to register memory with the RDMA device.',
    remedy:
      'Raise it for this process: `ulimit -l unlimited`, `LimitMEMLOCK=infinity` in a systemd unit, or `--ulimit memlock=-1` for a container.',
  },
  ERR_SPDK_NO_RDMA_DEVICE: {
    meaning: 'The machine has no RDMA device that reaches the address.',
    remedy:
      'Check `rdma link`; load the driver of the network card, or add soft-RoCE with `rdma link add rxe0 type rxe netdev eth0`.',
  },
  ERR_SPDK_TRANSPORT_UNAVAILABLE: {
    meaning: 'The linked SPDK was built without this transport.',
    remedy: 'Build SPDK with it (`./configure --with-rdma` for RDMA) and rebuild the addon.',
  },

  // The target
  ERR_SPDK_ATTACH_FAILED: {
    meaning: 'The controller responded but could not be initialised.',
    remedy: 'Read the message and the log lines before it, and the log of the target.',
  },
  ERR_SPDK_UNREACHABLE: {
    meaning: 'Nothing responds at the target’s address and port, or no interface has the source address.',
    remedy:
      'Check `traddr` and `trsvcid`, that the target runs and listens there, and the route and firewall to it; or, if the message names `sourceAddress`, give an address of this machine.',
  },
  ERR_SPDK_CONNECT_REJECTED: {
    meaning: 'The target responded but rejected the NVMe-oF Connect command.',
    remedy: 'Check `subnqn`, and that the target allows this `hostNqn`.',
  },
  ERR_SPDK_AUTHENTICATION_FAILED: {
    meaning: 'Host and controller could not authenticate each other, or their TLS handshake failed.',
    remedy: 'Compare the keys, the `hostNqn` and what the target requires of this host; its log has more.',
  },
  ERR_SPDK_NOT_IO_CONTROLLER: {
    meaning: 'The controller is a discovery controller or an administrative one, which has no I/O queues.',
    remedy: 'Attach a subsystem with namespaces; `env.discover()` lists those of a discovery controller.',
  },
  ERR_SPDK_NOT_DISCOVERY_CONTROLLER: {
    meaning: 'The controller that `env.discover()` reached is not a discovery controller.',
    remedy: 'Omit `subnqn`: then the discovery controller that every target has is used.',
  },
  ERR_SPDK_NO_IO_QUEUES: {
    meaning: 'The target granted no I/O queue.',
    remedy: 'Free queues on the target by detaching other hosts, or raise its limit on queues.',
  },

  ERR_SPDK_FOREIGN_PATH: {
    meaning: 'The path leads to a different subsystem than the other paths.',
    remedy:
      'Compare NQN, serial number and model of the controllers at both addresses; one target may be a copy of the other.',
  },

  // Reading and writing
  ERR_SPDK_IO_FAILED: {
    meaning: 'A command completed with an error; `nvmeStatus` is the controller’s status.',
    remedy: 'Look up the status; if `dnr` is set, the same command will fail again.',
  },
  ERR_SPDK_PROTECTION: {
    meaning:
      'Data and its protection information do not match, as the controller or this package found; `nvmeStatus` names the check.',
    remedy: 'The data is damaged, or was written with other tags; read it again, or rewrite it.',
  },
  ERR_SPDK_ZONE_BOUNDARY: {
    meaning: 'A command goes past the end of a zone.',
    remedy: 'Read and write within one zone; `zones.info()` has the size of zones.',
  },
  ERR_SPDK_ZONE_FULL: {
    meaning: 'The zone is full.',
    remedy: 'Write to another zone, or reset this one with `zones.reset()`, which deletes its data.',
  },
  ERR_SPDK_ZONE_READ_ONLY: {
    meaning: 'The zone can only be read.',
    remedy: 'Copy its data to another zone; `zones.offline()` then takes it out of use.',
  },
  ERR_SPDK_ZONE_OFFLINE: {
    meaning: 'The zone is offline: it can neither be read nor written any more.',
    remedy: 'Use another zone; `zones.report({ state: "offline" })` lists those to leave out.',
  },
  ERR_SPDK_ZONE_INVALID_WRITE: {
    meaning: 'A write does not begin at the write pointer of its zone.',
    remedy:
      'Write at `writePointer` of the zone in `zones.report()`, one write after the other, or use `zones.append()`.',
  },
  ERR_SPDK_TOO_MANY_ACTIVE_ZONES: {
    meaning: 'More zones would be open or closed than the namespace allows.',
    remedy: 'Finish or reset zones first; `zones.info()` has the limit, `maxActive`.',
  },
  ERR_SPDK_TOO_MANY_OPEN_ZONES: {
    meaning: 'More zones would be open than the namespace allows.',
    remedy: 'Close, finish or reset zones first; `zones.info()` has the limit, `maxOpen`.',
  },
  ERR_SPDK_ZONE_INVALID_TRANSITION: {
    meaning: 'The zone cannot change from its current state to the requested one.',
    remedy: 'Look at its state in `zones.report()`; it may have been changed by another host.',
  },
  ERR_SPDK_UNALIGNED: {
    meaning: 'An offset or a length is not a multiple of the block size.',
    remedy: 'Read and write whole blocks of `namespace.blockSize` bytes.',
  },
  ERR_SPDK_OUT_OF_RANGE: {
    meaning: 'The range extends past the end of the namespace.',
    remedy: 'Stay within `namespace.bytes`.',
  },
  ERR_SPDK_INVALID_BUFFER: {
    meaning: 'The buffer has been released, detached or shrunk, cannot be written, or is not DMA memory.',
    remedy: 'Use a buffer that is still valid; batches accept only memory of `env.allocate()`.',
  },
  ERR_SPDK_QUEUE_FULL: {
    meaning: 'More operations wait for room in the queue, or for a path, than `maxWaiting` allows.',
    remedy: 'Await earlier operations first, attach with more or deeper queues, or raise `maxWaiting`.',
  },
  ERR_SPDK_QUEUE_IN_USE: {
    meaning: 'The queue pair is reserved by a batch or has pending operations, or the batch is closed.',
    remedy: 'Close the batch or await the operations, or use another queue pair or a new batch.',
  },
  ERR_SPDK_NAMESPACE_GONE: {
    meaning:
      'The controller no longer has this namespace, its block size changed, or another disk has its id.',
    remedy: 'Take the namespace from `controller.namespaces` again.',
  },
  ERR_SPDK_UNSUPPORTED: {
    meaning: 'The controller, the namespace or the linked SPDK does not support the request.',
    remedy:
      'Avoid what the message names, or use another controller or SPDK release; `namespace.supports` and `namespace.metadata` show in advance what a namespace supports.',
  },
  ERR_SPDK_INVALID_DISCOVERY_LOG: {
    meaning: 'A discovery log is malformed.',
    remedy: 'Check the target with `nvme discover`; it may be faulty.',
  },
  ERR_SPDK_LOG_PAGE_CHANGED: {
    meaning: 'A log page changed during each attempt to read it in pieces.',
    remedy: 'Read it again later.',
  },
  ERR_SPDK_FOREIGN_NAMESPACE: {
    meaning: 'The namespace belongs to another controller than the batch.',
    remedy: 'Use a namespace of the controller whose queue pair opened the batch.',
  },
  ERR_SPDK_NO_PATH: {
    meaning: 'No path of the subsystem is usable, and operations no longer wait for one.',
    remedy:
      'Look at `subsystem.paths` and `subsystem.history`; fix a path or add another one. `fastIoFailTimeoutMs` and `ctrlrLossTimeoutMs` decide how long operations wait.',
  },
  ERR_SPDK_FOREIGN_QUEUE_PAIR: {
    meaning: 'The queue pair belongs to another controller than the namespace.',
    remedy: 'Use one of the `queuePairs` of `namespace.controller`.',
  },

  // How a call ended
  ERR_SPDK_TIMEOUT: {
    meaning: 'The operation did not finish within its `timeoutMs`.',
    remedy: 'Check that the target and the link are alive, or allow more time.',
  },
  ERR_SPDK_ABORTED: {
    meaning: 'The operation was cancelled because its AbortSignal fired.',
    remedy: 'This is no fault if the abort was intended; `cause` is the reason of the signal.',
  },
  ERR_SPDK_WEDGED: {
    meaning: 'A call into SPDK has not returned by its deadline, so its resources stay allocated.',
    remedy:
      'Continue with other controllers, and restart the process at a convenient time to free the resources.',
  },
  ERR_SPDK_INTERNAL: {
    meaning: 'An internal error of this package.',
    remedy: 'Report it as a bug with the message, the stack and the log lines before it.',
  },
} as const satisfies Record<`ERR_SPDK_${string}`, CatalogueEntry>;

for (const entry of Object.values(errorCatalogue)) Object.freeze(entry);
Object.freeze(errorCatalogue);

/** A stable code of this package's errors: a key of {@link errorCatalogue}. */
export type SpdkErrorCode = keyof typeof errorCatalogue;

/** Whether a string is one of the catalogue's codes. */
export function isSpdkErrorCode(code: unknown): code is SpdkErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCatalogue, code);
}
