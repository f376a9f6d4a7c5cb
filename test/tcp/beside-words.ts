// What calls did, in words that are the same at a target in memory and at SPDK's own.

import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { Environment, Namespace, SpdkError } from '../../lib/index.js';

/** What is done, and doing it. */
export type Step = readonly [words: string, run: () => unknown];

/** What steps of I/O are for; the other namespace is of another controller. */
export interface IoBench {
  readonly env: Environment;
  readonly ns: Namespace;
  readonly other: Namespace;
}

/** The error in words, with everything that a program may look at. */
function failure(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const { name, code, message, nvmeStatus, errno, outcome, cause } = error as SpdkError;
  const status = nvmeStatus && `${nvmeStatus.sct}/${nvmeStatus.sc} ${nvmeStatus.name} dnr ${nvmeStatus.dnr}`;
  const why = cause === undefined ? '' : ` because of ${failure(cause)}`;
  return (
    [name, code, status, errno, outcome, message]
      .filter((one) => one !== undefined)
      .join(' | ')
      .replace(/ \(SPDK: .*?\)(?= \()/, '') + why
  );
}

/** A value in words: data by its digest. */
export function shown(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `${value.byteLength}:${createHash('md5').update(bytes).digest('hex').slice(0, 8)}`;
  }
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Error) return failure(value);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(
      ([key, one]) => `${key}: ${/Ms$/.test(key) ? typeof one : shown(one)}`,
    );
    return `{${entries.sort().join(', ')}}`;
  }
  return typeof value === 'string' && value.length > 60
    ? shown(Buffer.from(value, 'latin1'))
    : (JSON.stringify(value) ?? 'undefined');
}

const hangMs = 20_000;

/** What a call did. @throws if it does not settle */
export async function outcome(call: () => unknown): Promise<string> {
  const timer = new AbortController();
  const hang = setTimeout(hangMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error('a call has not settled');
  });
  const settled = (async () => {
    try {
      return shown(await call());
    } catch (error) {
      return failure(error);
    }
  })();
  try {
    return (await Promise.race([settled, hang])) as string;
  } finally {
    hang.catch(() => {});
    timer.abort();
  }
}

/** The events of a stream until it closes. */
export async function streamWords(stream: Readable | Writable, names: readonly string[]): Promise<string[]> {
  const events: string[] = [];
  for (const name of names)
    stream.on(name, (value: unknown) => events.push(value === undefined ? name : `${name} ${shown(value)}`));
  await new Promise<void>((resolve) => stream.once('close', () => setImmediate(resolve)));
  return events;
}
