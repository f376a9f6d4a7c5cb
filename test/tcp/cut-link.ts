// A link of Ethernet to a network namespace of its own, which can be cut: a target in there is a machine that can be lost.

import { afterAll, beforeAll } from 'vitest';
import { run } from '../integration/support/run.js';

/** The namespace, the ends of the link, and an address in a network that nothing else has. */
export const far = { namespace: 'spdk-nvme-far', device: 'nvme-far', address: '10.77.2.2' } as const;
const near = { device: 'nvme-near', address: '10.77.2.1' } as const;
/** No machine of this network has it. */
const nobody = '02:00:00:77:02:99';

const ip = (words: string) => run('ip', words.split(' '));
const inNamespace = (words: string) => ip(`-n ${far.namespace} ${words}`);

/** Drops all packets of both directions without a trace: either end sends them to a machine that is not there. */
async function silence(): Promise<void> {
  await ip(`neigh replace ${far.address} lladdr ${nobody} nud permanent dev ${near.device}`);
  await inNamespace(`neigh replace ${near.address} lladdr ${nobody} nud permanent dev ${far.device}`);
}

async function hear(): Promise<void> {
  await ip(`neigh del ${far.address} dev ${near.device}`);
  await inNamespace(`neigh del ${near.address} dev ${far.device}`);
}

/** The ways in which the link is cut, and mended. */
export const cuts = {
  silently: { cut: silence, mend: hear },
  unplugged: {
    cut: () => inNamespace(`link set ${far.device} down`),
    mend: () => inNamespace(`link set ${far.device} up`),
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
    await ip(`link add ${near.device} type veth peer name ${far.device} netns ${far.namespace}`);
    await ip(`addr add ${near.address}/24 dev ${near.device}`);
    await ip(`link set ${near.device} up`);
    await inNamespace(`addr add ${far.address}/24 dev ${far.device}`);
    await inNamespace(`link set ${far.device} up`);
    await inNamespace('link set lo up');
  });
  afterAll(remove);
}
