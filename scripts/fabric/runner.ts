import type { Readable, Writable } from 'node:stream';

export interface JobStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin?: Readable | undefined;
  readonly tty: boolean;
}

/** An environment with the fabric that can run one command: a virtual machine or this host. */
export interface Runner {
  /** Runs a shell script and resolves with its exit status, after the last byte of its output. */
  run(script: string, streams: JobStreams): Promise<number>;
  /** Sends a signal, by its name without SIG, to the command and what it started. */
  signal(name: string): void;
  /** The explanation for a command that does not end. */
  diagnosis(): string;
  /** Ends all remaining processes and removes the fabric. */
  close(): Promise<void>;
}
