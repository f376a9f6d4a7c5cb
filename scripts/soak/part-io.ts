// The reads and writes of a soak's clients.

import type { Environment, NamespaceOperations } from 'spdk-nvme';
import type { Random } from '../testing/random.js';
import type { Findings } from './findings.js';
import { type Ledger, partBytes, partsPerArea } from './ledger.js';

const ioTimeoutMs = 3_000;
/** Calls settle by their deadline, whatever SPDK does; if one does not, the watchdog reports it. */
export const watchdogMs = 5_000;
const maxAtOnce = 16;

/** Reads and writes of one area of the disk, which are checked against its ledger. */
export class PartIo {
  readonly #area: number;
  readonly #environment: Environment;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #findings: Findings;

  constructor(area: number, environment: Environment, random: Random, ledger: Ledger, findings: Findings) {
    this.#area = area;
    this.#environment = environment;
    this.#random = random;
    this.#ledger = ledger;
    this.#findings = findings;
  }

  /**
   * Begins some operations; each promise resolves when one has ended, in whichever way.
   * @param namespace the one of now
   * @param isExpected whether an operation that was begun then may fail with a code, besides by its signal
   */
  start(
    namespace: () => NamespaceOperations | undefined,
    isExpected?: (code: string, begun: number) => boolean,
  ): Promise<void>[] {
    const operations: Promise<void>[] = [];
    for (let left = 1 + this.#random.below(maxAtOnce); left > 0; left--) {
      const part = this.#ledger.take(this.#random.below(partsPerArea));
      if (part === undefined) break;
      const disk = namespace();
      if (!disk) {
        this.#ledger.give(part);
        break;
      }
      const act =
        this.#random.below(2) === 0
          ? this.#read(disk, part, isExpected)
          : this.#write(disk, part, isExpected);
      operations.push(act);
    }
    return operations;
  }

  #limits(part: number) {
    const signal = this.#random.below(10) === 0 ? AbortSignal.timeout(this.#random.below(20)) : undefined;
    const offset = (this.#area * partsPerArea + part) * partBytes;
    return { offset, timeoutMs: ioTimeoutMs, signal };
  }

  async #write(disk: NamespaceOperations, part: number, isExpected: Expectation): Promise<void> {
    const { write, bytes } = this.#ledger.content(part);
    const done = this.#submit('write', () => disk.write(bytes, this.#limits(part)), isExpected);
    // The data is that of the time of the call.
    bytes.fill(0xdd);
    if (await done) this.#ledger.wrote(part, write);
    else this.#ledger.mayHaveWritten(part, write);
  }

  async #read(disk: NamespaceOperations, part: number, isExpected: Expectation): Promise<void> {
    const dma = this.#random.below(2) === 0 ? this.#environment.allocate(partBytes) : undefined;
    const buffer = dma ?? Buffer.alloc(partBytes);
    if (await this.#submit('read', () => disk.read(buffer, this.#limits(part)), isExpected)) {
      this.#findings.bytesVerified += partBytes;
      const wrong = this.#ledger.check(part, Buffer.from(buffer));
      if (wrong) this.#findings.mismatch(wrong);
    }
    dma?.release();
    this.#ledger.give(part);
  }

  async #submit(
    name: 'read' | 'write',
    operation: () => Promise<unknown>,
    isExpected: Expectation,
  ): Promise<boolean> {
    const limitMs = ioTimeoutMs + watchdogMs;
    const begun = performance.now();
    const expects = isExpected && ((code: string) => isExpected(code, begun));
    // Called in a function of its own, because a call that is rejected may throw immediately.
    const outcome = this.#findings.watch(name, limitMs, (async () => operation())(), expects);
    return (await outcome) !== undefined;
  }
}

type Expectation = ((code: string, begun: number) => boolean) | undefined;
