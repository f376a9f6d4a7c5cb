import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import type { Environment, TransportId } from 'spdk-nvme';
import { codeOf, explain } from '../engine/exit.js';
import { formatBytes } from '../engine/numbers.js';
import { detachNow } from '../engine/session.js';
import type { StopSignal } from '../engine/stop.js';
import { attachOptionsOf, type TargetOptions } from '../engine/target-options.js';
import { type Finding, failure, ok, warning } from './finding.js';

const run = promisify(execFile);
const portLimitMs = 3_000;
const msDigits = 10;

/** The route to the target. */
export async function checkRoute({ traddr }: TransportId): Promise<Finding> {
  try {
    const { stdout } = await run('ip', ['route', 'get', traddr]);
    return ok('route', stdout.split('\n')[0]?.trim().replace(/\s+/g, ' ') ?? '');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') {
      return warning('route', 'the program `ip` is missing', 'apt-get install iproute2');
    }
    return failure('route', `there is no route to ${traddr}`, 'check the address, and `ip route`');
  }
}

/** Whether something listens at the target's TCP port. An RDMA port cannot be tested without a connection. */
export async function checkPort(
  { trtype, traddr, trsvcid }: TransportId,
  limitMs: number,
): Promise<Finding | undefined> {
  if (trtype !== 'TCP') return undefined;
  return timed(async () => {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({
        host: traddr,
        port: Number(trsvcid),
        timeout: Math.min(limitMs, portLimitMs),
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
    return ok('port', `${traddr}:${trsvcid} accepts connections`);
  }).catch((error: Error) =>
    failure('port', `${traddr}:${trsvcid}: ${error.message}`, 'check the port, the target and firewalls'),
  );
}

/** Whether the target lists the subsystem in its discovery log, for this host. It may be attached all the same. */
export async function checkDiscovery(
  environment: Environment,
  { subnqn, ...service }: TransportId,
  options: TargetOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const { keepAliveMs: _, ...asked } = attachOptionsOf(options);
  try {
    return await timed(async () => {
      const { entries } = await environment.discover(service, { ...asked, signal });
      const subsystems = new Set(
        entries.filter(({ subtype }) => subtype === 'nvm').map(({ subsystemNqn }) => subsystemNqn),
      );
      const text = `the log has ${entries.length} entries`;
      if (subnqn && subsystems.has(subnqn)) return ok('discovery', `${text}, the subsystem among them`);
      return warning(
        'discovery',
        `${text}, ${subnqn} is not among them`,
        'check the NQN, and which hosts may see it',
      );
    });
  } catch (error) {
    return warning('discovery', explain(error), 'see the message');
  }
}

/** Attach, one read of each namespace's first block, and detach. */
export async function checkController(
  environment: Environment,
  id: TransportId,
  options: TargetOptions,
  stop: StopSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { signal } = stop;
  try {
    const begun = performance.now();
    const controller = await environment.attach(id, { ...attachOptionsOf(options), signal });
    const { model, firmware } = controller.info;
    findings.push(withTime(ok('attach', `${model}, firmware ${firmware}`), begun));
    for (const namespace of controller.namespaces) {
      const name = `read of namespace ${namespace.id}`;
      const read = performance.now();
      try {
        await namespace.read(Buffer.alloc(namespace.blockSize), {
          offset: 0,
          timeoutMs: options.timeout,
          signal,
        });
        findings.push(
          withTime(ok(name, `${formatBytes(namespace.bytes)}, blocks of ${namespace.blockSize} bytes`), read),
        );
      } catch (error) {
        findings.push(failure(name, explain(error), 'see the message'));
        // The others would take as long.
        if (codeOf(error) === 'ERR_SPDK_TIMEOUT') break;
      }
    }
    const detach = performance.now();
    await detachNow(controller, stop);
    findings.push(withTime(ok('detach', 'nothing is left'), detach));
  } catch (error) {
    findings.push(failure(findings.length === 0 ? 'attach' : 'detach', explain(error), 'see the message'));
  }
  return findings;
}

async function timed(check: () => Promise<Finding>): Promise<Finding> {
  const begun = performance.now();
  return withTime(await check(), begun);
}

function withTime(finding: Finding, begun: number): Finding {
  return { ...finding, ms: Math.round((performance.now() - begun) * msDigits) / msDigits };
}
