// Exports a namespace as a network block device, for nbd-client, nbdcopy, QEMU and others.
//
//   node examples/nbd-export.mjs 10809 'trtype:TCP adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420 subnqn:nqn...'

import { once } from 'node:events';
import { createServer } from 'node:net';
import { Environment } from 'spdk-nvme';
import { open } from 'spdk-nvme/file';
import { commands, handshake, reply } from './nbd-protocol.mjs';
import { argumentsOf, byteReader, stopSignal } from './support.mjs';

const [port = '', id = ''] = argumentsOf('PORT', 'TRANSPORT-ID');
const signal = stopSignal();
const env = await Environment.init();
const controller = await env.attach(id, { ctrlrLossTimeoutMs: 60_000, signal });
const [ns] = controller.namespaces;
if (!ns) throw new Error('The controller has no namespace');
const file = await open(ns); // reads and writes at any offset

/** Resolves with the data of a read. @param {import('./nbd-protocol.mjs').Command} command */
async function run({ type, offset, length, data }) {
  if (type === 'read') return (await file.read(Buffer.allocUnsafe(length), 0, length, offset)).buffer;
  if (type === 'write') await file.write(data, 0, length, offset);
  else if (type === 'flush') await file.sync();
  else if (type === 'trim') await file.namespace.deallocate({ offset, length });
  else throw new Error('unknown command');
  return undefined;
}

const sockets = new Set();
const server = createServer(async (socket) => {
  sockets.add(socket);
  socket.on('error', () => {}); // the reader throws it too
  try {
    const take = byteReader(socket);
    if (!(await handshake(socket, take, ns))) return;
    for await (const command of commands(take)) {
      // Commands run at the same time, and each has its reply when it ends.
      run(command).then(
        (data) => reply(socket, command, data),
        (error) => reply(socket, command, error),
      );
      if (socket.writableNeedDrain) await once(socket, 'drain', { signal });
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  } finally {
    socket.destroy();
    sockets.delete(socket);
  }
});
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
signal.addEventListener('abort', async () => {
  server.close();
  await file.close(); // waits for commands
  await env.close();
  for (const socket of sockets) socket.destroy();
});
