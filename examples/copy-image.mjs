// Copies an image to a namespace and shows the progress. Data behind the image stays unchanged.
//
//   node examples/copy-image.mjs disk.img 'trtype:TCP adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420 subnqn:nqn...'

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Environment } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const [file = '', id = ''] = argumentsOf('IMAGE', 'TRANSPORT-ID');
const signal = stopSignal();
const { size } = await stat(file);

const env = await Environment.init();
try {
  const controller = await env.attach(id, { queueDepth: 32, signal });
  const [ns] = controller.namespaces;
  if (!ns || ns.bytes < size) throw new Error(`The namespace has less than the ${size} bytes of the image`);

  const disk = ns.createWriteStream({ flush: true });
  const show = () => {
    const percent = size === 0 ? 100 : Math.floor((disk.bytesWritten / size) * 100);
    process.stderr.write(`\r${percent} % of ${size} bytes`);
  };
  const timer = setInterval(show, 200);
  try {
    await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), disk, { signal });
  } finally {
    clearInterval(timer);
    show();
    process.stderr.write('\n');
  }
  console.log(`copied ${disk.bytesWritten} bytes`);
} finally {
  await env.close();
}
