// The protocol of network block devices, as much of it as nbd-export.mjs needs: fixed newstyle handshake and commands.

/** @typedef {{ type: string | undefined, cookie: Buffer, offset: number, length: number, data: Buffer }} Command */
/** @typedef {import('node:net').Socket} Socket @typedef {(bytes: number) => Promise<Buffer>} Take */
const types = ['read', 'write', 'disconnect', 'flush', 'trim'];
const maxBytes = 32 << 20;

/** Numbers in network byte order. @param {...[bytes: number, value: number | bigint]} fields */
function pack(...fields) {
  const digits = fields.map(([bytes, value]) => value.toString(16).padStart(2 * bytes, '0'));
  return Buffer.from(digits.join(''), 'hex');
}

/** False if the client leaves. @param {Socket} socket @param {Take} take @param {import('spdk-nvme').Namespace} ns */
export async function handshake(socket, take, ns) {
  const exported = pack([8, ns.bytes], [2, ns.supports.deallocate ? 0x25 : 0x05]); // flush, and trim
  const sizes = pack([2, 3], [4, ns.blockSize], [4, 65_536], [4, maxBytes]);
  socket.write(Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), pack([2, 3])]));
  const zeroes = (await take(4)).readUInt32BE() & 2 ? 0 : 124;
  for (;;) {
    const head = await take(16);
    const [option, length] = [head.readUInt32BE(8), head.readUInt32BE(12)];
    if (length > 65_536) throw new Error('The client sent an option that is too long');
    await take(length); // an export's name: there is one export
    const respond = (/** @type {number} */ type, data = Buffer.alloc(0)) => {
      const header = pack([8, 0x3e889045565a9n], [4, option], [4, type], [4, data.length]);
      socket.write(Buffer.concat([header, data]));
    };
    const [named, leaves, asks, takes] = [option === 1, option === 2, option === 6, option === 7];
    if (named) socket.write(Buffer.concat([exported, Buffer.alloc(zeroes)]));
    if (asks || takes) respond(3, Buffer.concat([pack([2, 0]), exported]));
    if (asks || takes) respond(3, sizes);
    if (!named) respond(leaves || asks || takes ? 1 : 0x8000_0001); // done, or not supported
    if (named || leaves || takes) return !leaves;
  }
}

/** The commands of a client until it disconnects. @param {Take} take @returns {AsyncGenerator<Command>} */
export async function* commands(take) {
  for (;;) {
    const head = await take(28);
    const type = types[head.readUInt16BE(6)];
    const [offset, length] = [Number(head.readBigUInt64BE(16)), head.readUInt32BE(24)];
    if (type === 'disconnect') return;
    const transfers = type === 'read' || type === 'write';
    if (head.readUInt32BE() !== 0x25609513 || (transfers && length > maxBytes))
      throw new Error('bad request');
    const data = type === 'write' ? await take(length) : Buffer.alloc(0);
    yield { type, cookie: Buffer.from(head.subarray(8, 16)), offset, length, data };
  }
}

/** @param {Socket} socket @param {Command} command @param {Buffer | Error | undefined} result */
export function reply(socket, { cookie }, result) {
  const error = result instanceof Error ? 5 : 0; // EIO
  socket.write(Buffer.concat([pack([4, 0x67446698], [4, error]), cookie]));
  if (Buffer.isBuffer(result)) socket.write(result);
}
