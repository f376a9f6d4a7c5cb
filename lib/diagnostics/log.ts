// SPDK’s log lines on their way to the events of the environment and of controllers, or to standard error.

import { HeldEvents } from '../internal/held-events.js';
import type { NativeLogLine } from '../native/contract.js';
import { type LogLevel, type LogSink, logLevels } from '../options/environment.js';
import { writeToStderr } from './stderr.js';

/** A line that SPDK, DPDK or this package logged. */
export interface LineAbout<Owner> {
  readonly level: LogLevel;
  /** The place in SPDK's source, as `file:line:function`; empty if SPDK does not report it. */
  readonly source: string;
  readonly message: string;
  /** The object that the line is about, or its name before the object exists. */
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

/** Passes SPDK's log lines on, and keeps early lines until a listener can have been added. */
export class LogRelay<Owner extends LogOwner<Owner>> {
  readonly #toStderr: boolean;
  /** Held until init() has resolved and its caller has had a turn to add a listener. */
  readonly #events = new HeldEvents();
  readonly #warns: boolean;
  readonly #warned = new Set<string>();
  /** Weak, so that log lines do not keep controllers in memory. */
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

  /** Lines with this id name the object from now on. Returns the function that ends this. */
  introduce(id: number, controller: Owner): () => void {
    this.#controllers.set(id, new WeakRef(controller));
    return () => this.#controllers.delete(id);
  }

  /** Logs a line of this package itself, once for each text. */
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
      writeToStderr(`spdk ${line.level}: ${whose}${line.message}${where}\n`);
    } else {
      this.#events.announce(() => this.#listener?.emit('log', line));
      known?.events.announce(() => known.emit('log', line));
    }
  }
}
