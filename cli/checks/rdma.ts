import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Finding, ok, warning } from './finding.js';

const devicesFolder = '/sys/class/infiniband';
const nodesFolder = '/dev/infiniband';

/** RDMA devices, their ports, and the permission to use them. Without devices only TCP works. */
export function checkRdma(): Finding[] {
  const devices = existsSync(devicesFolder) ? readdirSync(devicesFolder) : [];
  if (devices.length === 0) {
    return [
      warning(
        'RDMA devices',
        'none: only TCP targets can be reached',
        'rdma link add rxe0 type rxe netdev eth0  (soft-RoCE, as root)',
      ),
    ];
  }
  return [...devices.flatMap(portsOf), rights()];
}

function portsOf(device: string): Finding[] {
  const folder = `${devicesFolder}/${device}/ports`;
  return readdirSync(folder).map((port) => {
    const state = read(`${folder}/${port}/state`).replace(/^\d+:\s*/, '');
    const netdev = read(`${folder}/${port}/gid_attrs/ndevs/0`);
    const interfaces = networkInterfaces()[netdev] ?? [];
    const addresses = interfaces.map(({ address }) => address).join(', ');
    const mtu = netdev === '' ? '' : read(`/sys/class/net/${netdev}/mtu`);
    const text = [`port ${port} ${state}`, netdev && `${netdev} MTU ${mtu}`, addresses]
      .filter(Boolean)
      .join(', ');
    const name = `RDMA device ${device}`;
    if (state !== 'ACTIVE') return warning(name, text, `ip link set ${netdev || 'DEVICE'} up`);
    if (addresses === '')
      return warning(name, `${text}: no IP address`, `ip address add … dev ${netdev || 'DEVICE'}`);
    return ok(name, text);
  });
}

function rights(): Finding {
  const files = existsSync(nodesFolder)
    ? readdirSync(nodesFolder).filter((name) => name.startsWith('uverbs') || name === 'rdma_cm')
    : [];
  const closed = files.filter((name) => !writable(`${nodesFolder}/${name}`));
  if (files.length === 0) {
    return warning(
      '/dev/infiniband',
      'has no devices for user programs',
      'modprobe -a ib_uverbs rdma_ucm  (as root)',
    );
  }
  return closed.length === 0
    ? ok('/dev/infiniband', files.join(', '))
    : warning(
        '/dev/infiniband',
        `no permission for ${closed.join(', ')}`,
        `chmod a+rw ${nodesFolder}/*  (as root)`,
      );
}

function writable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
