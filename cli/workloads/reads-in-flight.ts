import type { Controller } from 'spdk-nvme';
import type { Tally } from '../engine/measure/tally.js';
import { codeOf, messageOf } from '../engine/process/exit.js';

const DEPTH = 8;
const LENGTH = 4096;

/** How a read may end because its controller is being detached. */
const expectedCodes: ReadonlySet<string> = new Set(['ERR_SPDK_DETACHING', 'ERR_SPDK_CONTROLLER_DETACHED']);
/** "Command Abort Requested" and "Command Aborted due to SQ Deletion": what a detach does with outstanding I/O. */
const abortedStatuses: ReadonlySet<number> = new Set([0x07, 0x08]);

/** Reads that follow each other on a controller until its detach ends them; they change nothing at the target. */
export class ReadsInFlight {
  /** Resolves once one read of every reader has completed. */
  readonly underWay: Promise<void>;
  readonly ended: Promise<void>;

  constructor(controller: Controller, tally: Tally) {
    const namespace = controller.namespaces.find(
      ({ bytes, metadata }) => bytes > 0 && metadata !== 'separate',
    );
    if (!namespace) {
      tally.fail('NO_NAMESPACE', `${controller.transportId.subnqn} has no readable namespace`);
      this.underWay = this.ended = Promise.resolve();
      return;
    }
    const length = Math.max(LENGTH, namespace.blockSize);
    let offset = 0;
    const next = () => {
      const at = offset;
      offset = at + 2 * length <= namespace.bytes ? at + length : 0;
      return at;
    };
    const started: Promise<void>[] = [];
    const readers = Array.from({ length: DEPTH }, async () => {
      const buffer = Buffer.alloc(length);
      let first = () => {};
      started.push(
        new Promise((resolve) => {
          first = resolve;
        }),
      );
      try {
        for (;;) {
          await namespace.read(buffer, { offset: next() });
          first();
        }
      } catch (error) {
        if (!isExpected(error)) tally.fail(codeOf(error), `a read failed: ${messageOf(error)}`);
      } finally {
        first();
      }
    });
    this.underWay = Promise.all(started).then(() => {});
    this.ended = Promise.all(readers).then(() => {});
  }
}

function isExpected(error: unknown): boolean {
  if (expectedCodes.has(codeOf(error))) return true;
  const status = (error as { nvmeStatus?: { sct: number; sc: number } }).nvmeStatus;
  return status !== undefined && status.sct === 0 && abortedStatuses.has(status.sc);
}
