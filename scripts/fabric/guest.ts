// The virtual machine and the channels to it.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Duplex, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { FabricError } from './errors.js';
import { UntilMark } from './marker.js';
import { type MachineOptions, QEMU_FDS, qemuArguments } from './qemu.js';
import type { JobStreams, Runner } from './runner.js';
import { Tail } from './tail.js';

const QEMU = 'qemu-system-x86_64';
/** The guest says `alive` every five seconds, even with every processor busy. */
const SILENCE_MS = 60_000;
/** The first text of a kernel panic; a long trace follows. */
const KERNEL_DIES = /Kernel panic|BUG: |Oops: |general protection fault/;
/** The time for children that outlive the command to close its stdout. */
const LAST_OUTPUT_MS = 3_000;

/** The guest did not start in time; another attempt may succeed. */
export class GuestLate extends FabricError {}

/** One virtual machine, from QEMU's start to its end. It runs one command. */
export class Guest implements Runner {
  readonly #qemu: ChildProcess;
  readonly #console = new Tail();
  readonly #gone: Promise<void>;
  /** Rejects when QEMU ends, or the guest fails or stops responding; never resolves. */
  readonly #failed: Promise<never>;
  readonly #ready: Promise<string[]>;
  readonly #exit: Promise<number>;
  #fail!: (error: FabricError) => void;
  #silence: NodeJS.Timeout | undefined;

  constructor(machine: MachineOptions) {
    // In its own process group QEMU does not get the terminal's Ctrl-C, which goes to the command instead. With setpriv
    // the kernel ends QEMU together with this process.
    this.#qemu = spawn('setpriv', ['--pdeathsig', 'KILL', '--', QEMU, ...qemuArguments(machine)], {
      stdio: ['ignore', 'ignore', 'pipe', ...Object.keys(QEMU_FDS).map(() => 'pipe' as const)],
      detached: true,
    });
    this.#gone = new Promise((resolve) => {
      this.#qemu.once('close', () => resolve());
      this.#qemu.once('error', () => resolve());
    });
    this.#failed = new Promise((_, reject) => {
      this.#fail = (error) => reject(error);
    });
    this.#failed.catch(() => {});
    for (const name of Object.keys(QEMU_FDS) as (keyof typeof QEMU_FDS)[])
      this.#channel(name).on('error', () => {});
    this.#channel('console').on('data', (chunk: Buffer) => this.#console.add(chunk));
    this.#qemu.stderr?.on('data', (chunk: Buffer) => this.#console.add(chunk));

    let ready: (args: string[]) => void;
    let exit: (status: number) => void;
    this.#ready = new Promise((resolve) => {
      ready = resolve;
    });
    this.#exit = new Promise((resolve) => {
      exit = resolve;
    });
    createInterface({ input: this.#channel('control') }).on('line', (line) => {
      const [verb, ...args] = line.split(' ');
      if (verb === 'ready') ready(args);
      else if (verb === 'exit') exit(Number(args[0]));
      else if (verb === 'failed') this.#fail(this.#error('The guest cannot make the fabric'));
      if (this.#silence) this.#listen();
    });
    this.#qemu.once('error', (error) => this.#fail(this.#error(`Cannot start ${QEMU}: ${error.message}`)));
    this.#qemu.once('close', (code, signal) => {
      const how = signal ? `was ended by ${signal}` : `ended with status ${code}`;
      this.#fail(this.#error(`The guest is gone: QEMU ${how}`));
    });
  }

  /** Resolves when the fabric is up, with the times that the guest reports. */
  async ready(limitMs: number): Promise<string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(new GuestLate(`The guest did not come up within ${limitMs / 1000} s. ${this.diagnosis()}`)),
        limitMs,
      );
    });
    return Promise.race([this.#ready, this.#failed, late]).finally(() => clearTimeout(timer));
  }

  async run(script: string, { stdout, stderr, stdin, tty }: JobStreams): Promise<number> {
    const mark = randomBytes(24).toString('hex');
    const outputs = tty
      ? [this.#relay('terminal', mark, stdout)]
      : [this.#relay('stdout', mark, stdout), this.#relay('stderr', mark, stderr)];
    // The guest's terminal echoes and handles Ctrl-C, so this terminal must not.
    const raw = tty && stdin instanceof ReadStream ? stdin.setRawMode(true) : undefined;
    stdin?.pipe(this.#channel(tty ? 'terminal' : 'stdin'));
    this.#listen();
    this.#channel('control').write(`run ${mark} ${Buffer.from(script).toString('base64')}\n`);
    try {
      const status = await Promise.race([this.#exit, this.#failed]);
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LAST_OUTPUT_MS);
      });
      await Promise.race([Promise.all(outputs), patience, this.#failed]).finally(() => clearTimeout(timer));
      return status;
    } finally {
      raw?.setRawMode(false);
      stdin?.unpipe(this.#channel(tty ? 'terminal' : 'stdin'));
      clearTimeout(this.#silence);
    }
  }

  signal(name: string): void {
    this.#channel('control').write(`signal ${name}\n`);
  }

  diagnosis(): string {
    const tail = this.#console.lines(40, KERNEL_DIES);
    return tail ? `The guest's console ends with:\n${tail}` : "The guest's console is empty";
  }

  /** Ends QEMU, which has nothing to save, and waits for its end. */
  async close(): Promise<void> {
    clearTimeout(this.#silence);
    this.#qemu.kill('SIGKILL');
    await this.#gone;
  }

  #channel(name: keyof typeof QEMU_FDS): Duplex {
    return (this.#qemu.stdio as unknown as Duplex[])[QEMU_FDS[name]] as Duplex;
  }

  #relay(name: 'stdout' | 'stderr' | 'terminal', mark: string, to: Writable): Promise<void> {
    const output = this.#channel(name).pipe(new UntilMark(mark));
    output.pipe(to, { end: false });
    return new Promise((resolve) => {
      output.once('end', resolve);
    });
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(
      () => this.#fail(this.#error(`The guest has not responded for ${SILENCE_MS / 1000} s`)),
      SILENCE_MS,
    );
  }

  #error(message: string): FabricError {
    return new FabricError(`${message}. ${this.diagnosis()}`);
  }
}
