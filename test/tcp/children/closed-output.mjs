// Closes standard input, output and error before the step that it is told, and sends what has their numbers afterwards.

import { closeSync, readlinkSync } from 'node:fs';
import { Environment } from 'spdk-nvme';

const [id = '', before] = process.argv.slice(2);

/** @param {string} step */
function close(step) {
  if (step === before) for (const descriptor of [0, 1, 2]) closeSync(descriptor);
}

/**
 * What has a number; nothing if it is free.
 * @param {number} descriptor
 */
function held(descriptor) {
  try {
    return [readlinkSync(`/proc/self/fd/${descriptor}`)];
  } catch {
    return [];
  }
}

close('init');
const env = await Environment.init({ memoryMb: 64 });
close('attach');
const controller = await env.attach(id);
close('reset');
await controller.reset();
const standard = [0, 1, 2].flatMap(held);
process.stdout.write('printed\n');
console.error('printed');
const read = await controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
await env.close();
process.send?.({ standard, read: read?.length });
process.disconnect();
