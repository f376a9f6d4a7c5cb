import { createServer, type Socket } from 'node:net';

/** NVMe/TCP's response to a connection's first message: version 0, no digests, transfers of up to 4 KiB. */
function connectionResponse(): Buffer {
  const pdu = Buffer.alloc(128);
  pdu[0] = 0x01;
  pdu[2] = pdu.length;
  pdu.writeUInt32LE(pdu.length, 4);
  pdu.writeUInt32LE(4_096, 12);
  return pdu;
}

/**
 * A target that opens connections as NVMe/TCP says, and then responds to no command. `connections()` counts those that
 * began with NVMe/TCP's first message: a probe of the port is none.
 */
export async function listenSilently(
  address: string,
): Promise<{ port: number; connections(): number; close(): void }> {
  const sockets = new Set<Socket>();
  let initialised = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      initialised += 1;
      socket.write(connectionResponse());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    port: (server.address() as { port: number }).port,
    connections: () => initialised,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
