// Random words on the command line: each line is either accepted, or rejected with one line that gives the reason.
// Accepted lines are run in memory, without a target, to check what the verb itself reports.

import dns from 'node:dns/promises';
import { isIP } from 'node:net';
import { type Command, CommanderError } from 'commander';
import fc from 'fast-check';
import { originalOf } from '../../cli/engine/options/alias.js';
import { exampleOf } from '../../cli/engine/options/examples.js';
import {
  attachOptionsOf,
  serviceOf,
  type TargetOptions,
  targetsOf,
} from '../../cli/engine/options/target-options.js';
import { statusOfError, UsageError } from '../../cli/engine/process/exit.js';
import { joinedVerb, makeProgram, type Output, run } from '../../cli/program.js';
import { checkAttachable, parseTransportId } from '../../lib/options/transport-id.js';
import { simulate } from '../../lib/testing/index.js';
import { anyText } from './any-text.js';

/** The line with which words are rejected: what is wrong, and an example. */
export const rejectionLine = /^spdk-nvme: [^\n]+ For example: spdk-nvme [^\n]+\n$/;

/** What no output may contain. */
const key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

/** A command line whose verbs only check the options that name their target. */
export function idle(output: Output): { program: Command; ran: string[] } {
  const program = makeProgram(output);
  const ran: string[] = [];
  for (const verb of program.commands) {
    verb.action(() => {
      ran.push(verb.name());
      lookAtTarget(verb);
    });
  }
  return { program, ran };
}

/** What a verb does first with the options of its target. Without an error, they must be usable. */
function lookAtTarget(verb: Command): void {
  if (!verb.options.some(({ long }) => long === '--traddr')) return;
  const given = verb.opts<TargetOptions>();
  const named = given.traddr !== undefined && !isIP(given.traddr);
  const options = named ? { ...given, traddr: addressOf(given.hostTraddr) } : given;
  const looks: ((given: TargetOptions) => void)[] = [
    (given) => {
      for (const id of targetsOf(given)) checkAttachable(parseTransportId(id));
    },
    (given) => parseTransportId(serviceOf(given)),
    attachOptionsOf,
  ];
  for (const look of looks) {
    try {
      look(options);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }
}

/** The address that every host name resolves to here. */
function addressOf(hostTraddr = ''): string {
  return isIP(hostTraddr) === 6 ? '2001:db8::9' : '192.0.2.9';
}

/** A program that parses all words here, as making one takes longer than that; what it writes and runs. */
const said: string[] = [];
const { program: sample, ran } = idle({
  writeOut: (text) => void said.push(text),
  writeErr: (text) => void said.push(text),
});
export const verbs: readonly string[] = sample.commands.map((verb) => verb.name());
const flagsOf = ({ options }: Command) =>
  options.flatMap(({ short, long }) => [short, long].filter((flag) => typeof flag === 'string'));
const flags = sample.commands.flatMap(flagsOf);
const values = [
  ...['tcp', 'rdma', 'json', '127.0.0.1', '::1', '4k', '0x10', '--', '-', '', 'package.json/x', 'a\0b'],
  ...['nqn.2016-06.io.spdk:cnode1', 'trtype:TCP traddr:192.0.2.1', 'a\nb'],
  ...['file:/nonexistent', 'kernel:name', `DHHC-1:01:${key}:`, `NVMeTLSkey-1:01:${key}:`],
];
const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...new Set(flags)) },
  { weight: 1, arbitrary: fc.constantFrom(...verbs) },
  { weight: 2, arbitrary: fc.integer().map(String) },
  { weight: 2, arbitrary: fc.constantFrom(...values) },
  { weight: 2, arbitrary: anyText() },
  { weight: 1, arbitrary: fc.constantFrom('--report=package.json/x', '--json=a\0b', '--report=/') },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...flags), fc.string()).map((pair) => pair.join('=')) },
);
/** Complete targets, because random words seldom name one. */
const target = fc
  .record(
    {
      '-t': fc.constantFrom('tcp', 'rdma', 'TCP'),
      '-a': fc.constantFrom('192.0.2.1', '::1', 'fe80::1%lo', 'localhost', 'a-b.example.', '-a', '1.2.3'),
      '-s': fc.oneof(fc.integer().map(String), fc.constantFrom('4420', '0', '')),
      '-n': fc.constantFrom('nqn.2016-06.io.spdk:cnode1', 'nqn', 'nqn.2014-08.org.nvmexpress.discovery'),
      '-r': fc.constantFrom('trtype:TCP traddr:192.0.2.1', 'trtype:PCIe traddr:0000:01:00.0', 'x'),
      '-q': fc.constantFrom('nqn.2016-06.io.spdk:host', 'host'),
      '-I': fc.oneof(fc.uuid(), fc.constant('0')),
      '-w': fc.constantFrom('192.0.2.2', '::2', 'eth0'),
      '-S': fc.constantFrom('file:key', 'kernel:', key, `DHHC-1:01:${key}:`),
      '-C': fc.constantFrom('kernel:key', `DHHC-1:9:${key}`),
      '--tls-key': fc.constantFrom('file:key', `NVMeTLSkey-1:01:${key}:`, `NVMeTLSkey-1:01:${key}`),
      '-k': fc.oneof(fc.integer({ min: -1, max: 4_000_000 }).map(String), fc.constant('off')),
    },
    { requiredKeys: [] },
  )
  .map((options) => Object.entries(options).flat());

/** Valid words of a verb, with the options that it requires. */
const exampleWords = (verb: string) => exampleOf(verb).split(' ').slice(2);

/** The words of a command line of this verb. */
export function commandLineOf(name: string): fc.Arbitrary<string[]> {
  const own = flagsOf(sample.commands.find((verb) => verb.name() === name) as Command);
  const begins = fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: target },
    { weight: 3, arbitrary: fc.constant(exampleWords(name)) },
  );
  const value = fc.oneof(fc.nat().map(String), fc.constantFrom(...values));
  // Each is an option of the verb, usually with a value.
  const option = fc
    .tuple(fc.constantFrom(...own), fc.option(value, { freq: 3 }))
    .map(([flag, given]) => (given === null ? [flag] : [flag, given]));
  const more = fc.array(
    fc.oneof(
      option,
      word.map((one) => [one]),
    ),
    { maxLength: 5 },
  );
  return fc.tuple(begins, more).map(([words, others]) => [name, ...words, ...others.flat()]);
}

/** The words of a command line; the first is a verb. */
export const commandLine: fc.Arbitrary<string[]> = fc.constantFrom(...verbs).chain(commandLineOf);

/**
 * Throws unless the words run one verb, or are rejected as they must be. Words that are accepted must be rejected with one of them twice,
 * or with an empty word.
 * @returns whether they were accepted
 */
export async function checkCommandLine(words: readonly string[]): Promise<boolean> {
  if (!(await isAccepted(words))) return false;
  for (const wrong of worsened(words)) {
    if (await isAccepted(wrong)) throw new Error(`it accepts ${JSON.stringify(wrong)}`);
  }
  return true;
}

/** Words that are accepted, with an empty word or with one of their options again, under each of its names. */
function* worsened(words: readonly string[]): Generator<string[]> {
  // Behind the verb; help and the version are shown whatever follows.
  for (let at = 1; at <= words.length; at++) yield [...words.slice(0, at), '', ...words.slice(at)];
  const [name = ''] = words;
  const options = sample.commands.find((verb) => verb.name() === name)?.options ?? [];
  // What follows `--` is no option.
  const end = words.indexOf('--');
  const mayBeOptions = end < 0 ? words : words.slice(0, end);
  for (const option of options) {
    const flags = options
      .filter((one) => originalOf(one) === originalOf(option))
      .flatMap(({ short, long }) => [short, long]);
    const at = mayBeOptions.findIndex((one) => flags.includes(one));
    const value = mayBeOptions[at + 1];
    // What may be given several times is looked at by the verb itself.
    const unseen = withoutTarget.has(name) && ['nqn', 'transportId'].includes(option.attributeName());
    if (at < 0 || value === undefined || !option.required || unseen) continue;
    yield [...words.slice(0, at), option.long ?? '', value, ...words.slice(at)];
  }
}

/** Throws unless the words run one verb, or are rejected with a reason. @returns whether they were accepted */
async function isAccepted(words: readonly string[]): Promise<boolean> {
  said.length = 0;
  ran.length = 0;
  const typed = asTyped(words);
  try {
    sample.parse(joinedVerb(typed), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (ran.length > 0) throw new Error(`${ran.join(', ')} ran all the same`);
    checkEnd(statusOfError(error), said.join(''));
    return false;
  }
  const [verb = ''] = words;
  if (ran.length !== 1 || ran[0] !== verb) throw new Error(`${ran.join(', ') || 'nothing'} ran`);
  if (withoutTarget.has(verb)) return true;
  const end = await runWithoutTargets(typed);
  // A limit that was drawn may be a millisecond.
  const codes = typed.some((one) => one.startsWith('--timeout')) ? [...nobodyThere, 'TIMEOUT'] : nobodyThere;
  if (end.status === 1 && saysOnly(codes, end.said)) return true;
  checkEnd(end.status, end.said);
  return false;
}

/** The words in nvme-cli's form, which the parser alone does not know. */
function asTyped([verb = '', ...others]: readonly string[]): string[] {
  return [...(verb.startsWith('zns-') ? ['zns', verb.slice('zns-'.length)] : [verb]), ...others];
}

/** The verbs that do not begin with a target: they build, look at this machine or at other processes. */
const withoutTarget: ReadonlySet<string> = new Set(['doctor', 'build', 'stress', 'advisories', 'top']);
/** What verbs report that have looked for their target. */
const nobodyThere = ['UNREACHABLE', 'NO_RDMA_DEVICE'];

/** Whether each line is an error with one of the codes. */
function saysOnly(codes: readonly string[], said: string): boolean {
  return new RegExp(`^(spdk-nvme: [^\\n]*ERR_SPDK_(${codes.join('|')}): [^\\n]+\\n)+$`).test(said);
}

function checkEnd(status: number, said: string): void {
  if (said.includes(key)) throw new Error(`it showed a key: ${said}`);
  if (status !== 0 && status !== 2) throw new Error(`the status was ${status}, with ${said}`);
  if (!(status === 0 ? /^Usage: / : rejectionLine).test(said)) throw new Error(`it said ${said}`);
}

/** Runs a verb as the command line does, where no target is. What it prints on stdout is dropped. */
async function runWithoutTargets(words: readonly string[]): Promise<{ status: number; said: string }> {
  const written: string[] = [];
  const { stdout, stderr } = process;
  const [writeOut, writeErr, listeners] = [stdout.write, stderr.write, listenersNow()];
  const simulation = simulate();
  const { lookup } = dns;
  const found = async (_: string, { family }: { family: number }) =>
    family === 6 ? { address: addressOf('::1'), family } : { address: addressOf(), family: 4 };
  Object.assign(dns, { lookup: found });
  stdout.write = () => true;
  stderr.write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  try {
    const status = await run(words, { writeOut: () => {}, writeErr: (text) => void written.push(text) });
    return { status, said: written.join('') };
  } finally {
    Object.assign(stdout, { write: writeOut });
    Object.assign(stderr, { write: writeErr });
    Object.assign(dns, { lookup });
    simulation.restore();
    process.exitCode = 0;
    // A process runs one verb, whose signals are listened to until its end.
    for (const [emitter, event, one] of listenersNow()) {
      if (!listeners.some(([, , known]) => known === one)) emitter.off(event, one);
    }
  }
}

type Listener = (...values: unknown[]) => void;

function listenersNow(): [emitter: NodeJS.EventEmitter, event: string, listener: Listener][] {
  const events: [NodeJS.EventEmitter, string][] = [[process.stdout, 'error']];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) events.push([process, signal]);
  return events.flatMap(([emitter, event]) =>
    emitter
      .listeners(event)
      .map((one): [NodeJS.EventEmitter, string, Listener] => [emitter, event, one as Listener]),
  );
}
