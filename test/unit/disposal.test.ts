// What `using` and `await using` need, where a test runner loads this package into a context of its own.

import { afterEach, expect, it, vi } from 'vitest';

const disposal: PropertyKey[] = [Symbol.for('Symbol.dispose'), Symbol.for('Symbol.asyncDispose')];

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** From now on this package is loaded as into a context of Node.js 20 and 22, which have the two symbols in their own context alone. */
function inOtherContext(): void {
  const own = Symbol;
  const symbol = Object.setPrototypeOf((text?: string) => own(text), own);
  for (const name of ['dispose', 'asyncDispose']) Object.defineProperty(symbol, name, { value: undefined });
  vi.stubGlobal('Symbol', symbol);
  vi.resetModules();
}

it('has the symbols that compilers take where Node.js has none', async () => {
  inOtherContext();
  const { Environment, exportStats } = await import('../../lib/index.js');
  const { open } = await import('../../lib/file/index.js');
  const { simulate } = await import('../../lib/testing/index.js');
  const simulation = simulate();
  const target = simulation.addTarget();
  const subsystem = target.addSubsystem('nqn.2026-01.com.example:disk');
  subsystem.addNamespace(1);
  target.addDiscovery();
  const share = await Environment.shared();
  const env = share.environment;
  const several = await env.attachSubsystem([subsystem.id]);
  const hostId = '01234567-89ab-4cde-8f01-23456789abcd';
  const hostNqn = `nqn.2014-08.org.nvmexpress:uuid:${hostId}`;
  const controller = await env.attach(subsystem.id, { hostNqn, hostId });
  const [namespace] = controller.namespaces;
  const [queuePair] = controller.queuePairs;
  if (!namespace || !queuePair) throw new Error('no namespace');
  const batch = queuePair.openBatch();
  const buffer = env.allocate(512);
  const watch = await env.watchDiscovery('trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4420');
  const file = await open(several.namespaces[0] ?? namespace);
  const stats = await exportStats(env);
  const all = { simulation, share, env, several, controller, batch, buffer, watch, file, stats };
  const chunks = namespace.chunks();
  for (const [name, object] of Object.entries({ ...all, chunks })) {
    expect([name, disposal.some((symbol) => symbol in object)]).toEqual([name, true]);
    expect([name, 'undefined' in object]).toEqual([name, false]);
  }
  stats.close();
  batch.close();
  await share.close();
  simulation.restore();
});
