// The checks of RDMA devices and their ports.

import { type Finding, failure, ok, warning } from './finding.js';
import type { Machine } from './machine.js';

const devicesFolder = '/sys/class/infiniband';
const nodesFolder = '/dev/infiniband';

/**
 * Checks RDMA devices, their ports, and the permission to use them.
 * @param required the target is reached by RDMA; otherwise TCP is enough
 */
export function checkRdma(machine: Machine, required: boolean): Finding[] {
  const level = required ? failure : warning;
  const devices = machine.list(devicesFolder);
  if (devices.length === 0) {
    return [
      level(
        'RDMA devices',
        'none: only TCP targets can be reached',
        'rdma link add rxe0 type rxe netdev eth0  (soft-RoCE on eth0, as root)',
      ),
    ];
  }
  const ports = devices.flatMap((device) => portsOf(machine, device));
  // One port is enough.
  const lost = required && !ports.some((finding) => finding.level === 'ok');
  const shown = lost ? ports.map((finding) => ({ ...finding, level: 'failure' as const })) : ports;
  return [...shown, rights(machine, level)];
}

function portsOf(machine: Machine, device: string): Finding[] {
  const folder = `${devicesFolder}/${device}/ports`;
  return machine.list(folder).map((port) => {
    const read = (file: string) => machine.read(`${folder}/${port}/${file}`) ?? '';
    const state = read('state').replace(/^\d+:\s*/, '');
    const infiniband = read('link_layer') === 'InfiniBand';
    const netdev = read('gid_attrs/ndevs/0') || netdevOf(machine, device);
    const addresses = netdev === '' ? [] : machine.addresses(netdev);
    const mtu = activeMtu(machine.run('ibv_devinfo', ['-d', device, '-i', port]) ?? '');
    const text = [
      `port ${port} ${state}`,
      mtu === undefined ? '' : `RDMA MTU ${mtu}`,
      netdev && `${netdev} MTU ${machine.read(`/sys/class/net/${netdev}/mtu`) ?? 'unknown'}`,
      ...addresses,
    ]
      .filter(Boolean)
      .join(', ');
    const name = `RDMA device ${device}`;
    if (state !== 'ACTIVE') return warning(name, text, activate(device, state, infiniband, netdev));
    if (netdev === '')
      return warning(name, `${text}: no network device`, infiniband ? 'modprobe ib_ipoib' : 'rdma link');
    if (addresses.length === 0) {
      return warning(
        name,
        `${text}: no IP address`,
        `ip address add 192.0.2.2/24 dev ${netdev}  (with an address of your network)`,
      );
    }
    return ok(name, text);
  });
}

/** An InfiniBand port is named by its device only. */
function netdevOf(machine: Machine, device: string): string {
  return machine.list(`${devicesFolder}/${device}/device/net`)[0] ?? '';
}

function activate(device: string, state: string, infiniband: boolean, netdev: string): string {
  if (infiniband && state === 'INIT') return 'systemctl start opensm  (the subnet has no subnet manager)';
  return !infiniband && netdev ? `ip link set ${netdev} up` : `ibstat ${device}  (look at the cable)`;
}

/** What `ibv_devinfo` says; sysfs does not have it. */
function activeMtu(text: string): number | undefined {
  const bytes = /^\s*active_mtu:\s+(\d+)/m.exec(text)?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}

function rights(machine: Machine, level: typeof warning): Finding {
  const files = machine.list(nodesFolder).filter((name) => name.startsWith('uverbs') || name === 'rdma_cm');
  const missing = [
    ...(files.some((name) => name.startsWith('uverbs')) ? [] : ['ib_uverbs']),
    ...(files.includes('rdma_cm') ? [] : ['rdma_ucm']),
  ];
  if (missing.length > 0) {
    return level(
      nodesFolder,
      missing.length === 2
        ? 'has no devices for user programs'
        : `has only ${files.join(', ')}: ${missing[0]} is not loaded`,
      `modprobe -a ${missing.join(' ')}  (as root)`,
    );
  }
  const closed = files.filter((name) => !machine.writable(`${nodesFolder}/${name}`));
  return closed.length === 0
    ? ok(nodesFolder, files.join(', '))
    : level(
        nodesFolder,
        `no permission for ${closed.join(', ')}`,
        `chmod a+rw ${closed.map((name) => `${nodesFolder}/${name}`).join(' ')}  (as root)`,
      );
}
