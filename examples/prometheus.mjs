// An endpoint for Prometheus: counters of pollers and controllers, read for each scrape.
//
//   npm install prom-client
//   node examples/prometheus.mjs 9464 'trtype:TCP adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420 subnqn:nqn...'

import { createServer } from 'node:http';
import { Gauge, Registry } from 'prom-client';
import { Environment } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const [port = '', id = ''] = argumentsOf('PORT', 'TRANSPORT-ID');
const signal = stopSignal();
const env = await Environment.init();
await env.attach(id, { ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY, signal });

const registry = new Registry();
/** A gauge takes absolute values; the names of those that only grow end with _total, as for counters. */
const gauge = (
  /** @type {string} */ name,
  /** @type {string} */ help,
  /** @type {string[]} */ ...labelNames
) => new Gauge({ name: `spdk_nvme_${name}`, help, labelNames, registers: [registry] });
const completed = gauge('commands_total', 'Commands that the controller completed', 'subsystem');
const failed = gauge('command_errors_total', 'Those of them that completed with an error', 'subsystem');
const pending = gauge('pending_operations', 'Operations that have not ended', 'subsystem');
const up = gauge('controller_up', '1 while the controller is attached', 'subsystem');
const used = gauge('dma_memory_used_bytes', 'Hugepage memory in use');

function collect() {
  const { memory, controllers } = env.stats();
  used.set(memory.usedBytes);
  for (const stats of controllers) {
    const subsystem = stats.controller.transportId.subnqn ?? '';
    completed.set({ subsystem }, stats.completed);
    failed.set({ subsystem }, stats.failed);
    pending.set({ subsystem }, stats.pending);
    up.set({ subsystem }, stats.controller.state === 'attached' ? 1 : 0);
  }
}

const server = createServer(async (_, response) => {
  collect();
  response.setHeader('content-type', registry.contentType).end(await registry.metrics());
});
server.listen(Number(port), () => console.log('listening'));
signal.addEventListener('abort', () => {
  server.close();
  server.closeAllConnections();
  void env.close();
});
