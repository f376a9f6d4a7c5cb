// Everything that can go wrong with a target in memory.

import type { SpdkErrorCode } from '../errors/catalogue.js';
import { ioOpcodes } from '../native/ring-layout.js';
import { checkBoolean, checkInteger, checkOneOf, checkString, readOptions } from '../options/arguments.js';
import { conflict, optional, or } from '../options/common.js';
import { formatTransportId, parseTransportId } from '../options/transport-id.js';
import type { NotificationLog, ReservationChange } from './notifications.js';
import type { Scheduler } from './scheduler.js';
import { checkWhenSet, errorCode, fields, milliseconds, whole } from './settable.js';

/** Commands that can be made to fail, by their names; `raw` is what `namespace.raw()` sends. */
export type MemoryCommand = keyof typeof ioOpcodes;

/** How commands are made to fail. */
export interface MemoryFailure {
  /** Status code type: 0 generic, 1 specific to the command, 2 media errors, 3 path. Default 0. */
  readonly sct?: number | undefined;
  /** Status code. */
  readonly sc: number;
  /** Do Not Retry. Default false. */
  readonly dnr?: boolean | undefined;
  /** Which Command Retry Delay Time the host is to wait, 1 to 3. Default 0: none. */
  readonly crd?: number | undefined;
  /** How many commands. Default 1. */
  readonly count?: number | undefined;
  /** Which commands. Default: all. */
  readonly command?: MemoryCommand | undefined;
}

/** Why a target rejects connections. */
export interface MemoryRejection {
  readonly code: SpdkErrorCode;
  readonly message: string;
  /** The status of the Connect command, both or neither, and whether the host is not to try again. */
  readonly sct?: number | undefined;
  readonly sc?: number | undefined;
  readonly dnr?: boolean | undefined;
}

const rejectionFields = fields<MemoryRejection>({
  code: errorCode,
  message: checkString,
  sct: whole(0, 7),
  sc: whole(0, 0xff),
  dnr: checkBoolean,
});

function checkRejection(value: unknown): MemoryRejection {
  const rejection = rejectionFields(value, 'rejection');
  errorCode(rejection.code, 'rejection.code');
  checkString(rejection.message, 'rejection.message');
  if ((rejection.sct === undefined) !== (rejection.sc === undefined))
    conflict('rejection must have sct and sc, or neither');
  return rejection;
}

interface PendingFailure {
  readonly status: number;
  readonly operation: number | undefined;
  left: number;
}

/** What a target needs of a connection. */
export interface MemoryLink {
  readonly subsystem: object;
  readonly alive: boolean;
  lose(why: string): void;
  changedNamespaces(): void;
  /** Has the host wait for events of a log. */
  watchLog(): void;
  /** Reports that the log has changed. False where the host does not wait for that. */
  changedLog(): boolean;
  readonly notifications: NotificationLog;
  /** Notifies the host of a change of a reservation, if it is one of these. */
  changedReservation(nsid: number, kind: ReservationChange, hostIds: readonly string[]): void;
}

/** What can go wrong with a target in memory. */
export class MemoryTargetFaults {
  readonly traddr: string;
  readonly trsvcid: string;
  /** @internal */
  readonly connections = new Set<MemoryLink>();
  /** The delay of each response in milliseconds; 0 is a later turn of the event loop. */
  latencyMs = 0;
  /** How long connecting takes, in milliseconds. */
  connectMs = 1;
  /** Why connecting fails; undefined: it succeeds. Applies to reconnects, too. */
  rejection: MemoryRejection | undefined;
  /**
   * Whether calls into SPDK for its controllers do not return: a detach then ends with ERR_SPDK_WEDGED. Hanging calls
   * continue when it is false again.
   */
  wedged = false;
  readonly #scheduler: Scheduler;
  readonly #failures: PendingFailure[] = [];
  readonly #held: (() => void)[] = [];
  readonly #onSilent = new Set<(silent: boolean) => void>();
  #silent = false;

  protected constructor(scheduler: Scheduler, traddr: string, trsvcid: string) {
    this.#scheduler = scheduler;
    this.traddr = traddr;
    this.trsvcid = trsvcid;
    checkWhenSet<MemoryTargetFaults>(this, {
      latencyMs: milliseconds,
      connectMs: milliseconds,
      rejection: (value) => optional(value, checkRejection),
      wedged: checkBoolean,
    });
  }

  /** The transport id of a subsystem, for `env.attach()`; RDMA if `trtype` says so. */
  id(nqn: string, trtype: 'TCP' | 'RDMA' = 'TCP'): string {
    const { traddr, trsvcid } = this;
    return formatTransportId(parseTransportId({ trtype, adrfam: 'IPv4', traddr, trsvcid, subnqn: nqn }));
  }

  /** Whether no command completes while the links stay up. Commands sent meanwhile complete afterwards. */
  get silent(): boolean {
    return this.#silent;
  }

  set silent(silent: boolean) {
    checkBoolean(silent, 'silent');
    if (silent === this.#silent) return;
    this.#silent = silent;
    if (!silent) for (const reply of this.#held.splice(0)) reply();
    for (const listener of [...this.#onSilent]) listener(silent);
  }

  /** @internal Calls whenever the target becomes unresponsive or responds again. Returns the function that ends that. */
  whenSilent(listener: (silent: boolean) => void): () => void {
    this.#onSilent.add(listener);
    return () => this.#onSilent.delete(listener);
  }

  /** The next I/O commands end with this status. Several such calls follow each other. */
  failCommands(failure: MemoryFailure): void {
    const given = readOptions(failure, 'failure', ['sct', 'sc', 'dnr', 'crd', 'count', 'command']);
    const sct = checkInteger(or(given.get('sct'), 0), 'sct', 0, 7);
    const sc = checkInteger(given.get('sc'), 'sc', 0, 0xff);
    const dnr = checkBoolean(or(given.get('dnr'), false), 'dnr');
    const crd = checkInteger(or(given.get('crd'), 0), 'crd', 0, 3);
    const command = given.get('command');
    const names = Object.keys(ioOpcodes) as MemoryCommand[];
    this.#failures.push({
      status: sc | (sct << 8) | (dnr ? 0x800 : 0) | (crd << 12),
      operation: command === undefined ? undefined : ioOpcodes[checkOneOf(command, 'command', names)],
      left: checkInteger(or(given.get('count'), 1), 'count', 1, 1_000_000),
    });
  }

  /** Breaks every connection; a controller with `ctrlrLossTimeoutMs` reconnects. */
  dropLinks(): void {
    for (const connection of [...this.connections]) connection.lose('the link is down');
  }

  /** @internal Responds after the target's latency, and while it does not respond, once it does again. */
  respond(reply: () => void, latencyMs = this.latencyMs): void {
    this.#scheduler.after(latencyMs, () => {
      if (this.#silent) this.#held.push(reply);
      else reply();
    });
  }

  /** @internal The status that a command is to fail with; 0 when it is not. */
  nextFailure(what: number): number {
    const index = this.#failures.findIndex((one) => one.operation === undefined || one.operation === what);
    const failure = this.#failures[index];
    if (!failure) return 0;
    failure.left--;
    if (failure.left === 0) this.#failures.splice(index, 1);
    return failure.status;
  }
}
