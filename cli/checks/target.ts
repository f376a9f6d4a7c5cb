// The checks of one target: route, port, discovery log, attach and a read.

import { execFile } from 'node:child_process';
import { connect, isIPv6 } from 'node:net';
import { promisify } from 'node:util';
import type { Environment, TransportId } from 'spdk-nvme';
import { formatBytes } from '../engine/options/numbers.js';
import { attachOptionsOf, discoverOptionsOf, type TargetOptions } from '../engine/options/target-options.js';
import { explainBriefly, remedyFor } from '../engine/process/exit.js';
import type { StopSignal } from '../engine/process/stop.js';
import { detachNow } from '../engine/target/session.js';
import { many } from '../engine/terminal/many.js';
import { type Finding, failure, ok, warning } from './finding.js';

const run = promisify(execFile);
const portLimitMs = 3_000;
const msDigits = 10;

/** The arguments of `ip` that ask for the route. A scope is that of the device to send by. */
export function routeArguments(traddr: string, from?: string): string[] {
  const [address = '', device] = traddr.split('%');
  const source = from?.split('%')[0];
  return [
    ...['route', 'get', address],
    ...(source === undefined ? [] : ['from', source]),
    ...(device === undefined ? [] : ['oif', device]),
  ];
}

/** The route to the target, from the address to connect from. */
export async function checkRoute({ traddr }: TransportId, from?: string): Promise<Finding> {
  if (traddr === '0.0.0.0' || traddr === '::') {
    const text = `${traddr} is every address of this machine, which is where the connection goes`;
    return warning('route', text, 'npx spdk-nvme doctor -a ADDRESS  (that of the target)');
  }
  const args = routeArguments(traddr, from);
  try {
    return await timed(async () => {
      const { stdout } = await run('ip', args);
      return ok('route', stdout.split('\n')[0]?.trim().replace(/\s+/g, ' ') ?? '');
    });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT')
      return warning('route', 'the program `ip` is missing', 'apt-get install iproute2  (as root)');
    const why = stderr?.trim().split('\n')[0];
    const origin = from === undefined ? '' : ` from ${from}`;
    return failure(
      'route',
      `there is no route to ${traddr}${origin}${why ? ` (${why})` : ''}`,
      from === undefined ? `ping -c1 ${traddr}` : `ping -c1 -I ${from} ${traddr}`,
    );
  }
}

/** Whether something listens at the target's TCP port. An RDMA port cannot be tested without a connection. */
export async function checkPort(
  { trtype, traddr, trsvcid }: TransportId,
  { timeout, hostTraddr }: Pick<TargetOptions, 'timeout' | 'hostTraddr'>,
): Promise<Finding | undefined> {
  if (trtype !== 'TCP') return undefined;
  const address = isIPv6(traddr) ? `[${traddr}]:${trsvcid}` : `${traddr}:${trsvcid}`;
  return timed(async () => {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({
        host: traddr,
        port: Number(trsvcid),
        timeout: Math.min(timeout, portLimitMs),
        ...(hostTraddr === undefined ? {} : { localAddress: hostTraddr }),
      });
      socket.once('connect', () => {
        socket.destroy();
        resolve();
      });
      socket.once('timeout', () => {
        socket.destroy();
        reject(new Error('no response'));
      });
      socket.once('error', reject);
    });
    return ok('port', `${address} accepts connections`);
  }).catch((error: Error) => {
    const source = hostTraddr === undefined ? '' : `-s ${hostTraddr} `;
    return failure('port', `${address}: ${error.message}`, `nc -zv ${source}${traddr} ${trsvcid}`);
  });
}

/** What to type to ask the target, or its discovery service, as this host. */
function commandOf(
  verb: 'discover' | 'list-ns' | 'smart-log',
  { trtype, traddr, trsvcid, subnqn }: TransportId,
  { hostnqn }: Pick<TargetOptions, 'hostnqn'>,
): string {
  return [
    ...['npx spdk-nvme', verb, '-t', trtype.toLowerCase(), '-a', traddr, '-s', trsvcid],
    ...(verb === 'discover' ? [] : ['-n', subnqn]),
    ...(hostnqn === undefined ? [] : ['-q', hostnqn]),
  ].join(' ');
}

/** Returns what to do about an error, from its code's entry in the catalogue. */
export function remedyOf(error: unknown, otherwise: string): string {
  return remedyFor(error) ?? otherwise;
}

/** What happened, and what to do about it, each once. */
export function ofError(level: typeof failure, check: string, error: unknown, otherwise: string): Finding {
  return level(check, explainBriefly(error), remedyOf(error, otherwise));
}

/** Whether the target lists the subsystem in its discovery log, for this host. It may be attached all the same. */
export async function checkDiscovery(
  environment: Environment,
  { subnqn, ...service }: TransportId,
  options: TargetOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const command = commandOf('discover', service, options);
  try {
    return await timed(async () => {
      const { entries } = await environment.discover(service, { ...discoverOptionsOf(options), signal });
      const subsystems = new Set(
        entries.filter(({ subtype }) => subtype === 'nvm').map(({ subsystemNqn }) => subsystemNqn),
      );
      const text = `the log has ${many(entries.length, 'entry', 'entries')}`;
      if (subnqn && subsystems.has(subnqn)) return ok('discovery', `${text}, the subsystem among them`);
      return warning(
        'discovery',
        `${text}, ${subnqn} is not among them`,
        `${command}  (compare the NQNs; a target lists what this host may attach)`,
      );
    });
  } catch (error) {
    return ofError(warning, 'discovery', error, command);
  }
}

/** Attach, one read, and detach. */
export async function checkController(
  environment: Environment,
  id: TransportId,
  options: TargetOptions,
  stop: StopSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { signal } = stop;
  const otherwise = commandOf('discover', id, options);
  try {
    const begun = performance.now();
    const controller = await environment.attach(id, { ...attachOptionsOf(options), signal });
    const { model, firmware } = controller.info;
    findings.push(withTime(ok('attach', `${model}, firmware ${firmware}`), begun));
    findings.push(await checkRead(controller, id, options, signal));
    const detach = performance.now();
    await detachNow(controller, stop, options.timeout);
    findings.push(withTime(ok('detach', 'nothing is left'), detach));
  } catch (error) {
    const what = findings.length === 0 ? 'attach' : 'detach';
    findings.push(ofError(failure, what, error, otherwise));
  }
  return findings;
}

type Readable = Awaited<ReturnType<Environment['attach']>>['namespaces'][number];

/** One read of the first block of the first namespace. */
export async function checkRead(
  controller: { readonly namespaces: readonly Readable[] },
  id: TransportId,
  options: Pick<TargetOptions, 'timeout' | 'hostnqn'>,
  signal: AbortSignal,
): Promise<Finding> {
  const [namespace] = controller.namespaces;
  if (!namespace) {
    return warning('read', 'the controller has no namespace', commandOf('list-ns', id, options));
  }
  const name = `read of namespace ${namespace.id}`;
  try {
    return await timed(async () => {
      await namespace.read(Buffer.alloc(namespace.blockSize), {
        offset: 0,
        timeoutMs: options.timeout,
        signal,
      });
      return ok(name, `${formatBytes(namespace.bytes)}, blocks of ${namespace.blockSize} bytes`);
    });
  } catch (error) {
    return ofError(failure, name, error, commandOf('smart-log', id, options));
  }
}

async function timed(check: () => Promise<Finding>): Promise<Finding> {
  const begun = performance.now();
  return withTime(await check(), begun);
}

function withTime(finding: Finding, begun: number): Finding {
  return { ...finding, ms: Math.round((performance.now() - begun) * msDigits) / msDigits };
}
