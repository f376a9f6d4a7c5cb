// A link of Ethernet to a network namespace of its own, which can be cut: a target in there is a machine that can be lost.

import { afterAll, beforeAll } from 'vitest';
import { run } from '../integration/support/run.js';

/** The namespace, the ends of the link, and an address in a network that nothing else has. */
export const far = {
  namespace: 'spdk-nvme-far',
  device: 'nvme-far',
  address: '10.77.2.2',
  mac: '02:00:00:77:02:02',
} as const;
const near = { device: 'nvme-near', address: '10.77.2.1', mac: '02:00:00:77:02:01' } as const;
/** No machine of this network has it. */
const nobody = '02:00:00:77:02:99';

const ip = (words: string) => run('ip', words.split(' '));
const inNamespace = (words: string) => ip(`-n ${far.namespace} ${words}`);

/** Makes either end send to this machine. */
async function sendTo(farMac: string, nearMac: string): Promise<void> {
  await ip(`neigh replace ${far.address} lladdr ${farMac} nud permanent dev ${near.device}`);
  await inNamespace(`neigh replace ${near.address} lladdr ${nearMac} nud permanent dev ${far.device}`);
}

/** Drops all packets of both directions without a trace: either end sends them to a machine that is not there. */
const silence = () => sendTo(nobody, nobody);

/**
 * Without these entries the kernel asks for the address of the other end when the link is back. Until then, for three seconds, it keeps
 * what was sent meanwhile, also of connections that are closed, so that older writes may arrive at the target after newer ones.
 */
const hear = () => sendTo(far.mac, near.mac);

/** The ways in which the link is cut, and mended. */
export const cuts = {
  silently: { cut: silence, mend: hear },
  unplugged: {
    cut: () => inNamespace(`link set ${far.device} down`),
    mend: async () => {
      await inNamespace(`link set ${far.device} up`);
      await hear();
    },
  },
} as const;

async function remove(): Promise<void> {
  await run('sh', ['-c', `ip link del ${near.device}; ip netns del ${far.namespace}; true`]);
}

/** Makes the link before the first test of the file, and removes it after the last. */
export function layLink(): void {
  beforeAll(async () => {
    await remove(); // what a run that was killed has left
    await ip(`netns add ${far.namespace}`);
    const ends = [near, far].map(({ device, mac }) => `${device} address ${mac}`);
    await ip(`link add ${ends[0]} type veth peer name ${ends[1]} netns ${far.namespace}`);
    await ip(`addr add ${near.address}/24 dev ${near.device}`);
    await ip(`link set ${near.device} up`);
    await inNamespace(`addr add ${far.address}/24 dev ${far.device}`);
    await inNamespace(`link set ${far.device} up`);
    await inNamespace('link set lo up');
    await hear();
  });
  afterAll(remove);
}
