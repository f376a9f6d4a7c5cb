// SPDK’s log lines on their way to the events of the environment and of controllers, or to standard error.

import { HeldEvents } from '../internal/held-events.js';
import type { NativeLogLine } from '../native/contract.js';
import { type LogLevel, type LogSink, logLevels } from '../options/environment.js';

/** A line that SPDK, DPDK or this package logged. */
export interface LineAbout<Owner> {
  readonly level: LogLevel;
  /** Where in SPDK's source, as `file:line:function`; empty where SPDK does not say. */
  readonly source: string;
  readonly message: string;
  /** What the line is about, or its name before there is an object. */
  readonly controller?: Owner | string;
}

const warnLevel = logLevels.indexOf('warn');

/** What lines are emitted to: the environment, and the controller that a line is about. */
export interface LogListener<Owner> {
  emit(event: 'log', line: LineAbout<Owner>): boolean;
}

/** What a line can be about: a controller, whose events may be held. */
export interface LogOwner<Owner> extends LogListener<Owner> {
  readonly events: HeldEvents;
}

/** Passes SPDK's log lines on, and keeps those that come before anybody can listen. */
export class LogRelay<Owner extends LogOwner<Owner>> {
  readonly #toStderr: boolean;
  /** Held until init() has answered and its caller has had a turn to add a listener. */
  readonly #events = new HeldEvents();
  readonly #warns: boolean;
  readonly #warned = new Set<string>();
  /** Weak: a log line is no reason to keep a controller. */
  readonly #controllers = new Map<number, WeakRef<Owner>>();
  #listener: LogListener<Owner> | undefined;

  constructor(sink: LogSink, level: LogLevel = 'notice') {
    this.#toStderr = sink === 'stderr';
    this.#warns = logLevels.indexOf(level) >= warnLevel;
  }

  set listener(listener: LogListener<Owner>) {
    this.#listener = listener;
    this.#events.release();
  }

  /** From now on lines with this id name the object. Gives the function that ends that. */
  introduce(id: number, controller: Owner): () => void {
    this.#controllers.set(id, new WeakRef(controller));
    return () => this.#controllers.delete(id);
  }

  /** A line of this package's own, the first time that it has to be said. */
  warnOnce(text: string): void {
    if (!this.#warns || this.#warned.has(text)) return;
    this.#warned.add(text);
    this.pass({ level: warnLevel, source: '', text, controllerId: 0, controllerName: '' });
  }

  pass({ level, source, text, controllerId, controllerName }: NativeLogLine): void {
    const known = this.#controllers.get(controllerId)?.deref();
    const line: LineAbout<Owner> = {
      level: logLevels[level] ?? 'notice',
      source,
      message: text,
      ...(controllerId === 0 ? {} : { controller: known ?? controllerName }),
    };
    if (this.#toStderr) {
      const whose = controllerName === '' ? '' : `${controllerName}: `;
      const where = source === '' ? '' : ` (${source})`;
      process.stderr.write(`spdk ${line.level}: ${whose}${line.message}${where}\n`);
    } else {
      this.#events.announce(() => this.#listener?.emit('log', line));
      known?.events.announce(() => known.emit('log', line));
    }
  }
}
