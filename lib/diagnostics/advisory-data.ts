// The known problems of SPDK, as `advisories()` gives them.

/** The year and month of a release: `[24, 9]` is v24.09. No problem here came or went with a patch release. */
export type ReleaseMonth = readonly [year: number, month: number];

/** Releases from `first` on, up to but not including `fixed`; a bound that is missing is open. */
export interface ReleaseRange {
  readonly first?: ReleaseMonth;
  readonly fixed?: ReleaseMonth;
}

/** One known problem of SPDK, independent of the release that is linked. */
export interface AdvisoryEntry {
  /** Stable; `SPDK-` and the number of SPDK's first issue about it, or a name where there is none. */
  readonly id: string;
  /** The numbers of SPDK's issues about it; the first is the main one. */
  readonly issues: readonly number[];
  readonly affected: ReleaseRange;
  /** The patch that set-up applies to the SPDK that it builds: with it the problem is not there. */
  readonly patch?: string;
  /** What a process that uses SPDK by itself meets. */
  readonly consequence: string;
  /** What this package does about it today. */
  readonly defence: string;
  /** That where the addon is linked with shared libraries of SPDK, if it is less. */
  readonly defenceWhenShared?: string;
  /** Shared libraries of DPDK count too. */
  readonly defenceNeedsDpdk?: true;
}

const notCalled = (what: string) =>
  `Cannot be reached through this package yet: it does not call ${what}. A failed controller is detached and attached anew.`;

/** The functions that a defence replaces are found in SPDK's archives only. */
const onlyInArchives =
  'None: SPDK is linked as shared libraries, which this package cannot reach into. Build it with SPDK’s archives.';

/** The hangs, leaks and crashes of SPDK's NVMe driver that bear on attaching, using and detaching controllers. */
export const knownProblems: readonly AdvisoryEntry[] = [
  {
    id: 'SPDK-3347',
    issues: [3347],
    affected: { first: [22, 9], fixed: [24, 9] },
    consequence:
      'An RDMA queue pair that has finished lingering is destroyed without the controller’s lock while another thread polls the shared CM event channel; rdma_destroy_id then waits for ever for an event that nobody acknowledges.',
    defence:
      'The linger lock: whatever may destroy a CM id of a controller excludes whatever may take CM events of it.',
  },
  {
    id: 'SPDK-STALE-LINGER',
    issues: [],
    affected: { first: [26, 5] },
    consequence:
      'A queue pair whose connection the target holds to be stale lingers in a state of its own, and is destroyed there without the controller’s lock: the race of SPDK-3347 again. Found by reading the source.',
    defence: 'The linger lock, as for SPDK-3347.',
  },
  {
    id: 'SPDK-3559',
    issues: [3559],
    affected: { first: [22, 1] },
    consequence:
      'A reconnect (spdk_nvme_ctrlr_reconnect_async) returns with SPDK’s controller lock held; another thread that allocates a queue pair meanwhile waits for it, and the two can wait for each other.',
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
    consequence: 'A reset that meets a link flap can wait without end for the answer to a register read.',
    defence: notCalled('spdk_nvme_ctrlr_reset'),
  },
  {
    id: 'SPDK-1536',
    issues: [1536, 3487, 3292],
    affected: {},
    consequence: 'Detaching from a target that has died takes half a minute and more.',
    defence:
      'A controller whose admin queue is dead is failed before it is detached, and `detach` answers at its `timeoutMs` in any case.',
  },
  {
    id: 'SPDK-DETACH-REGISTERS',
    issues: [],
    affected: {},
    consequence:
      'The shutdown at detach writes and reads registers over the fabric without a time limit of its own; a target that stays silent holds it up.',
    defence:
      'The detach runs on a control thread, off the pollers; at `timeoutMs` the caller gets its answer and the memory that SPDK may still touch is kept.',
  },
  {
    id: 'SPDK-FREE-IN-CALLBACK',
    issues: [],
    affected: { first: [26, 1] },
    consequence: 'Freeing a connected queue pair inside one of SPDK’s callbacks spins without end.',
    defence: 'Callbacks only record what happened; queue pairs are freed after they have returned.',
  },
  {
    id: 'SPDK-DETACH-LIVE-QUEUES',
    issues: [],
    affected: { first: [22, 5] },
    consequence:
      'Detaching a controller that still has queue pairs disconnects them one after another under a lock of the whole driver, which holds up every other controller.',
    defence:
      'Every queue pair is disconnected and freed by its own poller before the controller is detached.',
  },
  {
    id: 'SPDK-POLL-GROUP-AFTER-DETACH',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 5] },
    consequence:
      'A poll group that once held a queue pair touches its controller after the controller has been destroyed.',
    defence:
      'With these releases no poll group is used: every queue pair is polled by itself and freed before the detach.',
  },
  {
    id: 'SPDK-LATE-SEND',
    issues: [],
    affected: { first: [20, 7], fixed: [23, 5] },
    consequence:
      'Soft-RoCE may report that a send ended well after the failure of its queue pair. SPDK then uses a request that it has aborted, and the process crashes; v22.01 to v22.09 look before they do.',
    defence:
      'What follows a failure of the same queue pair, or comes while SPDK disconnects it, is made a failure before SPDK sees it.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-EVENT-WAIT',
    issues: [],
    affected: { fixed: [25, 9] },
    consequence:
      'A report of a changed namespace makes SPDK ask for all of them inside the poll of the admin queue, and wait for the answers without a limit: a target that falls silent just then holds up that thread for good.',
    defence:
      'After `keepAliveMs` the connection is broken from outside, which ends the wait; a detach has it broken sooner.',
  },
  {
    id: 'SPDK-NESTED-POLL',
    issues: [],
    affected: { first: [20, 7], fixed: [21, 4] },
    consequence:
      'A report of a changed namespace makes SPDK poll the admin queue in the middle of polling it. If an RDMA connection is lost just then, its queue pair is taken apart under the outer poll, and the process crashes.',
    defence: 'The queue pair is taken apart when the outermost poll has ended.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-SILENT-TARGET',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 5] },
    consequence:
      'Connecting, and shutting a controller down, wait inside one call; for a target that has accepted a connection and then says nothing some of these waits have no end, and hold a lock that every other attach and detach needs.',
    defence: 'When the time is over the connection is broken from outside, which ends the wait.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-PARKED-EVENT',
    issues: [],
    affected: { first: [20, 7], fixed: [22, 5] },
    consequence:
      'A second CM event for an RDMA queue pair is put where SPDK does not look when it destroys the queue pair; rdma_destroy_id then waits for ever for its acknowledgement.',
    defence: 'SPDK gets one event of a connection at a time.',
    defenceWhenShared: onlyInArchives,
  },
  {
    id: 'SPDK-CHANGED-NAMESPACES',
    issues: [],
    affected: { first: [20, 7], fixed: [21, 7] },
    consequence:
      'SPDK does not read the list of changed namespaces, so a controller reports only the first change.',
    defence: 'The list is read after each change, and SPDK identifies the namespaces once more.',
    defenceWhenShared:
      'In part: the list is read after each change, but what changes while SPDK identifies the namespaces is seen with the next change only.',
  },
  {
    id: 'SPDK-INHERITED-DESCRIPTORS',
    issues: [],
    affected: {},
    consequence:
      'The files of hugepages and the sockets of connections are inherited by child processes: a child keeps connections of controllers that are detached, and memory of a process that has ended.',
    defence: 'Every file descriptor is opened so that child processes do not inherit it.',
    defenceWhenShared:
      'File descriptors are marked after they were opened: a child that is started at that very moment inherits them.',
    defenceNeedsDpdk: true,
  },
  {
    id: 'SPDK-TCP-CONNECT-DATA',
    issues: [],
    affected: { first: [20, 7], fixed: [20, 10] },
    patch: 'tcp-connect-in-capsule',
    consequence:
      'Over TCP the data of the first Connect command follows outside its capsule, where the kernel’s target never asks for it: nothing can be attached there.',
    defence:
      'The SPDK that set-up builds carries a patch. With another v20.07 an attach to such a target ends with ERR_SPDK_TIMEOUT: build the package against a later release.',
  },
  {
    id: 'SPDK-TCP-SOURCE-ADDRESS',
    issues: [],
    affected: { first: [20, 7], fixed: [24, 9] },
    consequence: 'Over TCP the source address is ignored: connections come from whatever address fits.',
    defence:
      'Before v22.05, with SPDK as archives, the package binds the sockets itself. Else the attach option `sourceAddress` is refused over TCP with ERR_SPDK_UNSUPPORTED.',
  },
  {
    id: 'SPDK-1703',
    issues: [1703, 2105, 3279],
    affected: {},
    consequence:
      'Many connects at once exceed the time limits of the connection manager and of Connect, and fail.',
    defence: 'At most `connectConcurrency` connects are under way at once; the others wait their turn.',
  },
  {
    id: 'SPDK-1096',
    issues: [1096],
    affected: {},
    consequence:
      'A target that has not yet cleaned up a queue refuses a new connection with the same queue id. Depends on the target, not on the linked release.',
    defence: 'None yet: the attach fails with the target’s status, and may be tried again after a moment.',
  },
  {
    id: 'SPDK-ATTACH-NO-CANCEL',
    issues: [],
    affected: {},
    consequence: 'An attach that has begun cannot be cancelled.',
    defence:
      'An attach that was aborted or timed out is polled to its end in the background; if it succeeds after all, the controller is detached by itself.',
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
