// Keeps all subsystems of a target attached: attaches new entries of its discovery log, and detaches removed ones.
//
//   node examples/discovery-agent.mjs 'trtype:TCP adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420'

import { Environment, formatTransportId } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const [service = ''] = argumentsOf('TRANSPORT-ID');
const signal = stopSignal();
const options = { ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY, signal };
const env = await Environment.init();
try {
  const watch = await env.watchDiscovery(service, { signal, pollIntervalMs: 1_000 });
  watch.on('resetting', (reason) => console.log('discovery is lost:', reason?.message));
  watch.on('reset', () => console.log('discovery is back'));

  for await (const { log, removed } of watch) {
    for (const { transportId } of removed) {
      if (transportId) await detach(formatTransportId(transportId));
    }
    const { attached, failed } = await env.attachAll(log, options);
    for (const { entry, controller } of attached) {
      const bytes = controller.namespaces.reduce((sum, namespace) => sum + namespace.bytes, 0);
      console.log(`+ ${entry.subsystemNqn}: ${controller.namespaces.length} namespaces, ${bytes} bytes`);
    }
    for (const { entry, error } of failed) console.log(`! ${entry.subsystemNqn}: ${error.message}`);
  }
} catch (error) {
  // The signal ends an attach that is under way by an error.
  if (!signal.aborted) throw error;
} finally {
  await env.close();
}

/** @param {string} id */
async function detach(id) {
  const controller = env.controllers.find(({ transportId }) => formatTransportId(transportId) === id);
  await controller?.detach();
  if (controller) console.log(`- ${controller.transportId.subnqn}`);
}
