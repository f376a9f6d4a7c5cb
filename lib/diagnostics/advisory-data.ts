// The advisories that `advisories()` chooses from. Longer than other files: one list.

/** The year and month of a release: `[24, 9]` is v24.09. No problem here began or ended with a patch release. */
export type ReleaseMonth = readonly [year: number, month: number];

/** Releases from `first` on, up to but not including `fixed`; a missing bound is open. */
export interface ReleaseRange {
  readonly first?: ReleaseMonth;
  readonly fixed?: ReleaseMonth;
}

/** An advisory about a problem of SPDK, independent of the release that is linked. */
export interface AdvisoryEntry {
  /** A name that never changes: `SPDK-` and the number of SPDK's main issue about it, or a name if there is none. */
  readonly id: string;
  /** The numbers of SPDK's issues about it; the first is the main one. */
  readonly issues: readonly number[];
  readonly affected: ReleaseRange;
  /** The patch of set-up that fixes the problem in the SPDK that it builds. */
  readonly patch?: string;
  /** The effect on a process that uses SPDK directly. */
  readonly consequence: string;
  /** How this package avoids it. */
  readonly defence: string;
  /** How it does so with shared libraries of SPDK, if that is less. */
  readonly defenceWhenShared?: string;
  /** Whether shared libraries of DPDK also weaken the defence. */
  readonly defenceNeedsDpdk?: true;
}

const notCalled = (what: string) =>
  `Not affected: this package does not call ${what}. A reset detaches the controller and attaches it again.`;

/** The defence where there is none: the linker can wrap functions in SPDK's archives only. */
export const onlyInArchives =
  'None: SPDK is linked as shared libraries, in which this package cannot wrap functions. Build it with SPDK’s archives.';

/** Hangs, leaks and crashes of SPDK's NVMe driver that concern attaching, using and detaching controllers. */
export const allAdvisories: readonly AdvisoryEntry[] = [
  {
    id: 'SPDK-3347',
    issues: [3347],
    affected: { first: [22, 9], fixed: [24, 9] },
    consequence:
      'An RDMA queue pair that has finished lingering is destroyed without the controller’s lock while another thread polls the shared CM event channel; rdma_destroy_id then waits indefinitely for an event that is never acknowledged.',
    defence:
      'The linger lock: while one thread may destroy a CM id of a controller, no other thread takes its CM events.',
  },
  {
    id: 'SPDK-STALE-LINGER',
    issues: [],
    affected: { first: [26, 5] },
    consequence:
      'A queue pair whose connection the target considers stale lingers in a state of its own and is destroyed there without the controller’s lock: the race of SPDK-3347 again. Found by reading the source.',
    defence: 'The linger lock, as for SPDK-3347.',
  },
  {
    id: 'SPDK-3559',
    issues: [3559],
    affected: { first: [22, 1] },
    consequence:
      'A reconnect (spdk_nvme_ctrlr_reconnect_async) returns with SPDK’s controller lock held; another thread that allocates a queue pair meanwhile waits for that lock, and the two can deadlock.',
    defence: `${notCalled('spdk_nvme_ctrlr_reconnect_async')} All control calls of one controller run on one thread.`,
  },
  {
    id: 'SPDK-3401',
    issues: [3401],
    affected: { first: [22, 1], fixed: [24, 9] },
    consequence:
      'A controller that is detached in the middle of a reconnect is freed with its lock held, which corrupts the thread’s list of locks and crashes or hangs it later.',
    defence: notCalled('spdk_nvme_ctrlr_reconnect_async'),
  },
  {
    id: 'SPDK-3920',
    issues: [3920],
    affected: {},
    consequence: 'A reset during a link flap can wait indefinitely for the response to a register read.',
    defence: notCalled('spdk_nvme_ctrlr_reset'),
  },
  {
    id: 'SPDK-1536',
    issues: [1536, 3487, 3292],
    affected: {},
    consequence: 'Detaching from a dead target takes half a minute or more.',
    defence:
      'A controller whose admin queue is dead is failed before it is detached, and `detach` always settles by its `timeoutMs`.',
  },
  {
    id: 'SPDK-DETACH-REGISTERS',
    issues: [],
    affected: {},
    consequence:
      'The shutdown during a detach writes and reads registers over the fabric without a time limit; an unresponsive target blocks it.',
    defence:
      'The detach runs on a control thread and not on a poller. It settles by `timeoutMs`; memory that SPDK may still use stays allocated.',
  },
  {
    id: 'SPDK-FREE-IN-CALLBACK',
    issues: [],
    affected: { first: [26, 1] },
    consequence: 'Freeing a connected queue pair inside one of SPDK’s callbacks spins indefinitely.',
    defence: 'Callbacks only record what happened; queue pairs are freed after they have returned.',
  },
  {
    id: 'SPDK-DETACH-LIVE-QUEUES',
    issues: [],
    affected: { first: [22, 5] },
    consequence:
      'Detaching a controller that still has queue pairs disconnects them one after another under a lock of the whole driver, which blocks every other controller.',
    defence:
      'Every queue pair is disconnected and freed by its own poller before the controller is detached.',
  },
  {
    id: 'SPDK-POLL-GROUP-AFTER-DETACH',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 5] },
    consequence:
      'A poll group that once held a queue pair uses its controller after the controller was destroyed.',
    defence:
      'With these releases no poll group is used: every queue pair is polled by itself and freed before the detach.',
  },
  {
    id: 'SPDK-LATE-SEND',
    issues: [],
    affected: { first: [20, 7], fixed: [23, 5] },
    consequence:
      'Soft-RoCE may report a successful send after the failure of its queue pair. SPDK then uses a request that it has aborted, and the process crashes; v22.01 to v22.09 check the request first.',
    defence:
      'Completions that follow a failure of the same queue pair, or arrive while SPDK disconnects it, are changed into failures before SPDK sees them.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-EVENT-WAIT',
    issues: [],
    affected: { fixed: [25, 9] },
    consequence:
      'A report of a changed namespace makes SPDK read all namespaces inside the poll of the admin queue and wait for the responses without a limit: a target that stops responding in that moment blocks the thread indefinitely.',
    defence:
      'After `keepAliveMs`, or earlier during a detach, the connection is broken from outside, which ends the wait.',
  },
  {
    id: 'SPDK-NESTED-POLL',
    issues: [],
    affected: { first: [20, 7], fixed: [21, 4] },
    consequence:
      'A report of a changed namespace makes SPDK poll the admin queue while it already polls it. If an RDMA connection is lost in that moment, its queue pair is destroyed during the outer poll, and the process crashes.',
    defence: 'The queue pair is destroyed after the outermost poll.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-SILENT-TARGET',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 5] },
    consequence:
      'Connecting and shutting down a controller wait inside one call. If a target accepts a connection and then does not respond, some of these waits never end, and they hold a lock that every other attach and detach needs.',
    defence: 'When the time limit is over the connection is broken from outside, which ends the wait.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-PARKED-EVENT',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 5] },
    consequence:
      'SPDK parks a second CM event for an RDMA queue pair where it does not look when it destroys the queue pair; rdma_destroy_id then waits indefinitely for its acknowledgement.',
    defence: 'SPDK gets one event of a connection at a time.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-CHANGED-NAMESPACES',
    issues: [],
    affected: { first: [20, 7], fixed: [21, 7] },
    consequence:
      'SPDK does not read the list of changed namespaces, so a controller reports only the first change.',
    defence: 'The list is read after each change, and SPDK identifies the namespaces again.',
    defenceWhenShared:
      'In part: the list is read after each change, but a change while SPDK identifies the namespaces is noticed only with the next one.',
  },
  {
    id: 'SPDK-INHERITED-DESCRIPTORS',
    issues: [],
    affected: {},
    consequence:
      'Child processes inherit the files of hugepages and the sockets of connections: a child keeps connections of detached controllers, and memory of a process that has ended.',
    defence: 'Every file descriptor is opened so that child processes do not inherit it.',
    defenceWhenShared:
      'File descriptors are marked after they were opened: a child that is started in that moment inherits them.',
    defenceNeedsDpdk: true,
  },
  {
    id: 'SPDK-HUGEPAGE-LIMIT',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 1] },
    consequence:
      'Where a cgroup limits hugepages (hugetlb), the DPDK of these releases ends the process with SIGBUS when it takes one too many.',
    defence: 'A hugepage that the cgroup does not grant is a failed allocation, ERR_SPDK_NO_MEMORY.',
    defenceWhenShared:
      'In part: an environment whose memory the cgroup does not grant is not started. Give `memoryMb` what the program needs in all.',
    defenceNeedsDpdk: true,
  },
  {
    id: 'SPDK-UNREGISTERED-MEMORY',
    issues: [],
    affected: {},
    consequence:
      'Memory that DPDK adds while an RDMA controller is attached may exceed RLIMIT_MEMLOCK. SPDK only logs this: the allocation succeeds, and all I/O with the memory fails.',
    defence: 'Such an allocation fails with ERR_SPDK_NO_MEMORY, and its hugepages go back to the system.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-TCP-CONNECT-DATA',
    issues: [],
    affected: { first: [20, 7], fixed: [20, 10] },
    patch: 'tcp-connect-in-capsule',
    consequence:
      'Over TCP the data of the first Connect command is sent outside its capsule, where the kernel’s target never requests it: every attach to that target fails.',
    defence:
      'The SPDK that set-up builds has a patch. With another v20.07 an attach to such a target rejects with ERR_SPDK_TIMEOUT: build the package against a later release.',
  },
  {
    id: 'SPDK-RDMA-ADMIN-DATA',
    issues: [],
    affected: { first: [20, 7] },
    patch: 'rdma-admin-data-outside-capsule',
    consequence:
      'Over RDMA the data of an admin command is sent inside its capsule, where the kernel’s target has no room for it: a command with up to 4 KiB of data, such as a Set Features with data, ends the connection.',
    defence:
      'The SPDK that set-up builds has a patch. With another SPDK the controller fails or reconnects, and the command rejects with ERR_SPDK_IO_FAILED.',
  },
  {
    id: 'SPDK-TCP-UNREAD',
    issues: [],
    affected: {},
    consequence:
      'After a message over TCP that it does not accept, such as one with a wrong header digest, SPDK from v23.05 on reads no more from that queue pair, and what is outstanding there never ends. Before, it does so after a message that has no data where there should be some.',
    defence:
      'A poll that reads nothing from its socket shows this. The connection is then lost, within a second: operations end or are sent again.',
    defenceWhenShared:
      'In part: a Keep Alive without a response shows it for the admin queue. Give I/O a `timeoutMs`.',
  },
  {
    id: 'SPDK-DISCOVERY-HOST-IDENTITY',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 1] },
    patch: 'discovery-host-identity',
    consequence:
      'SPDK connects to the discovery controller of the well-known name with a host identity of its own: a target that shows hosts different logs returns that of an unknown host. Over RDMA it also ignores the source address.',
    defence:
      'The SPDK that set-up builds carries a patch. With another one, a target whose log depends on the host needs a later SPDK release.',
  },
  {
    id: 'SPDK-TCP-SOURCE-ADDRESS',
    issues: [],
    affected: { first: [20, 7], fixed: [24, 9] },
    consequence: 'Over TCP the source address is ignored: the kernel chooses one.',
    defence:
      'Before v22.05, with SPDK as archives, the package binds the sockets itself. Otherwise the attach option `sourceAddress` is rejected over TCP with ERR_SPDK_UNSUPPORTED.',
  },
  {
    id: 'SPDK-RDMA-REAUTHENTICATION',
    issues: [],
    affected: { first: [24, 9] },
    consequence:
      'Over RDMA a queue pair for I/O that authenticates again (spdk_nvme_qpair_authenticate) in a poll group never finishes, and its I/O waits indefinitely.',
    defence:
      'Over RDMA `changeKeys` has only the admin queue authenticate again. I/O queues use the new keys when they connect the next time.',
  },
  {
    id: 'SPDK-TLS-EMPTY-SALT',
    issues: [],
    affected: { first: [22, 9], fixed: [25, 9] },
    consequence:
      'SPDK derives the keys of TLS with a null pointer as the salt, which OpenSSL 3.0.19 rejects: every connection with TLS fails. Depends on the OpenSSL of Node.js.',
    defence: 'The salt is replaced by one that derives the same keys.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-1703',
    issues: [1703, 2105, 3279],
    affected: {},
    consequence:
      'Many simultaneous connects exceed the time limits of the connection manager and of Connect, and fail.',
    defence: 'At most `connectConcurrency` connects run at the same time; the others wait.',
  },
  {
    id: 'SPDK-1096',
    issues: [1096],
    affected: {},
    consequence:
      'A target that has not yet cleaned up a queue rejects a new connection with the same queue id. Depends on the target, not on the linked release.',
    defence: 'None yet: the attach rejects with the target’s status and can be retried after a moment.',
  },
  {
    id: 'SPDK-QUEUED-ABORTS',
    issues: [],
    affected: { first: [20, 7], fixed: [21, 7] },
    consequence:
      'SPDK keeps Abort commands above the controller’s Abort Command Limit, and sends the next one when the connection ends; that fails, and SPDK uses a request that it has freed: the process crashes.',
    defence: 'No more Abort commands than the limit are given to SPDK at a time.',
  },
  {
    id: 'SPDK-FENCED-COMPARE-AND-WRITE',
    issues: [],
    affected: {},
    consequence:
      'A host may read and not write, because another one holds a reservation. SPDK’s target rejects the Write of its fused Compare and Write, and completes the Compare only when the queue pair’s next command arrives: the host waits for ever.',
    defence:
      'If one half has failed and the other has not ended 10 ms later, another command follows, a Verify of one block, for which the target ends the other half.',
  },
  {
    id: 'SPDK-ATTACH-NO-CANCEL',
    issues: [],
    affected: {},
    consequence: 'An attach that has begun cannot be cancelled.',
    defence:
      'An attach that was aborted or timed out is polled to its end in the background; if it still succeeds, the controller is detached automatically.',
  },
  {
    id: 'SPDK-DISCONNECTED-CALLBACK',
    issues: [],
    affected: {},
    consequence:
      'A poll group calls back about a disconnected queue pair on every poll until that queue pair is removed.',
    defence: 'The callback only sets a flag, so calling it again changes nothing.',
  },
];
