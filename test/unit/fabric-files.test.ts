import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseTransportId } from '../../lib/options/transport-id.js';
import { kernelPayload } from '../../scripts/fabric/kernel.js';
import { keepModules } from '../../scripts/fabric/kernel-package.js';
import { parseShowDepends, withoutSignature } from '../../scripts/fabric/modules.js';
import * as target from '../../scripts/fabric/target.js';
import { allSubsystems, link, ports, transportId } from '../../scripts/fabric/topology.js';

describe('kernel modules', () => {
  it('lose an appended signature and nothing else', () => {
    const module = Buffer.from('\x7fELF and so on');
    const signature = Buffer.alloc(300, 0xaa);
    const info = Buffer.alloc(12);
    info.writeUInt32BE(signature.length, 8);
    const magic = Buffer.from('~Module signature appended~\n');
    expect(withoutSignature(Buffer.concat([module, signature, info, magic]))).toEqual(module);
    expect(withoutSignature(module)).toEqual(module);
    expect(withoutSignature(magic)).toEqual(magic);
  });

  it('are read from modprobe in load order, without what is built in', () => {
    const output = 'builtin unix\ninsmod /m/a.ko \ninsmod /m/b.ko nr_devices=0\n';
    expect(parseShowDepends(output)).toEqual(['/m/a.ko', '/m/b.ko']);
  });

  it('are kept where the guest needs them, and uncompressed', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-modules-'));
    const from = path.join(folder, 'from');
    const content = '\x7fELF and so on';
    for (const name of ['drivers/net/dummy.ko', 'drivers/nvme/target/nvmet.ko', 'sound/snd.ko']) {
      const file = path.join(from, 'kernel', name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, content);
      execFileSync('xz', [file]);
    }
    for (const list of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
      fs.writeFileSync(path.join(from, list), '');
    }
    const to = path.join(folder, 'to');
    fs.mkdirSync(to);
    await keepModules(from, to);
    const kept = fs.readdirSync(to, { recursive: true }).filter((name) => String(name).includes('.ko'));
    expect(kept.sort()).toEqual(['kernel/drivers/net/dummy.ko', 'kernel/drivers/nvme/target/nvmet.ko']);
    for (const name of kept) expect(fs.readFileSync(path.join(to, String(name)), 'latin1')).toBe(content);
    fs.rmSync(folder, { recursive: true });
  });
});

describe('the kernel image', () => {
  it('is found inside its bzImage', () => {
    const image = Buffer.alloc(4096);
    image[0x1f1] = 3;
    image.write('HdrS', 0x202, 'latin1');
    image.writeUInt32LE(100, 0x248);
    image.writeUInt32LE(6, 0x24c);
    Buffer.from('28b52ffd0000', 'hex').copy(image, 4 * 512 + 100);
    const { payload, decompress } = kernelPayload(image);
    expect(payload).toHaveLength(6);
    expect(decompress[0]).toBe('zstd');
  });

  it('is rejected when it is none', () => {
    expect(() => kernelPayload(Buffer.alloc(4096))).toThrow(/bzImage/);
  });
});

describe('the topology', () => {
  it('has NQNs and serials that differ', () => {
    expect(new Set(allSubsystems.map((s) => s.nqn)).size).toBe(allSubsystems.length);
    expect(new Set(allSubsystems.map((s) => s.serial)).size).toBe(allSubsystems.length);
  });

  it('listens on addresses that the link has', () => {
    const addresses = link.addresses.map((address) => address.split('/')[0]);
    for (const port of Object.values(ports)) expect(addresses).toContain(port.traddr);
    expect(addresses).not.toContain(link.unreachableAddress);
  });

  it('has transport ids that the library reads', () => {
    for (const port of Object.values(ports)) {
      for (const { nqn } of allSubsystems) {
        expect(parseTransportId(transportId(nqn, port))).toMatchObject({ subnqn: nqn, traddr: port.traddr });
      }
    }
  });

  it('becomes scripts that a shell can read', () => {
    const { makeSubsystems, makeLink, makeRdmaDevice, makeAddresses, makePorts, removeTarget } = target;
    const make = [makeSubsystems(), makeLink(), makeRdmaDevice(), makeAddresses('eth0'), makePorts()];
    const all = [...make, removeTarget(), target.removeLink(), target.removeAddresses('eth0')].join('');
    expect(() => execFileSync('/bin/sh', ['-n'], { input: all })).not.toThrow();
  });
});
