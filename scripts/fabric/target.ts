/**
 * The topology as shell commands: the guest runs them at boot, host mode before and after its command. Plain `sh`
 * with ip, mkdir and ln, and few processes, because starting a process is slow on an emulated processor.
 */
import {
  allSubsystems,
  type FabricNamespace,
  type FabricPort,
  farPort,
  link,
  ports,
  wire,
} from './topology.js';

const NVMET = '/sys/kernel/config/nvmet';
const NULLB = '/sys/kernel/config/nullb';

const subsystemFolder = (nqn: string) => `${NVMET}/subsystems/${nqn}`;
const namespaceFolder = (nqn: string, nsid: number) => `${subsystemFolder(nqn)}/namespaces/${nsid}`;
const hostFolder = (nqn: string) => `${NVMET}/hosts/${nqn}`;
const portFolder = (id: number) => `${NVMET}/ports/${id}`;
const write = (value: string | number, file: string) => `echo '${value}' >${file}`;

function disks(): FabricNamespace[] {
  const byName = new Map<string, FabricNamespace>();
  for (const { namespaces } of allSubsystems) for (const disk of namespaces) byName.set(disk.disk, disk);
  return [...byName.values()];
}

function allowedHosts(): string[] {
  return [...new Set(allSubsystems.flatMap((s) => s.allowedHosts ?? []))];
}

function namespaceFolders(): string[] {
  return allSubsystems.flatMap((s) => s.namespaces.map((n) => namespaceFolder(s.nqn, n.nsid)));
}

/** Disks and subsystems: needs null_blk and nvmet, no network. */
export function makeSubsystems(): string {
  return script([
    `mkdir ${disks()
      .map((d) => `${NULLB}/${d.disk}`)
      .join(' ')}`,
    ...disks().flatMap((d) => [
      write(1, `${NULLB}/${d.disk}/memory_backed`),
      write(d.sizeMiB, `${NULLB}/${d.disk}/size`),
      write(d.blockSize, `${NULLB}/${d.disk}/blocksize`),
      write(1, `${NULLB}/${d.disk}/power`),
    ]),
    `mkdir ${[...allSubsystems.map((s) => subsystemFolder(s.nqn)), ...allowedHosts().map(hostFolder)].join(' ')}`,
    `mkdir ${namespaceFolders().join(' ')}`,
    ...allSubsystems.flatMap((s) => [
      write(s.serial, `${subsystemFolder(s.nqn)}/attr_serial`),
      write(s.model, `${subsystemFolder(s.nqn)}/attr_model`),
      write(s.allowedHosts ? 0 : 1, `${subsystemFolder(s.nqn)}/attr_allow_any_host`),
      ...(s.maxQueueId ? [write(s.maxQueueId, `${subsystemFolder(s.nqn)}/attr_qid_max`)] : []),
      ...(s.allowedHosts ?? []).map((h) => `ln -s ${hostFolder(h)} ${subsystemFolder(s.nqn)}/allowed_hosts/`),
      ...s.namespaces.flatMap((n) => [
        write(`/dev/${n.disk}`, `${namespaceFolder(s.nqn, n.nsid)}/device_path`),
        write(1, `${namespaceFolder(s.nqn, n.nsid)}/enable`),
      ]),
    ]),
  ]);
}

/** A network device of the fabric; the caller adds the soft-RoCE device with `makeRdmaDevice`. */
export function makeLink(): string {
  return script([
    `ip link add ${link.netdev} type dummy`,
    // As on a real network, an address that no machine has is then not resolved.
    `ip link set ${link.netdev} arp on`,
    // No other machine can have the address, so it is usable immediately.
    write(0, `/proc/sys/net/ipv6/conf/${link.netdev}/accept_dad`),
    `ip link set ${link.netdev} mtu ${link.mtu} up`,
    ...addAddresses(link.netdev),
  ]);
}

export function makeRdmaDevice(): string {
  return script([`rdma link add ${link.softDevice} type rxe netdev ${link.netdev}`]);
}

/** The fabric's addresses on an existing network device. */
export function makeAddresses(netdev: string): string {
  return script(addAddresses(netdev));
}

function addAddresses(netdev: string): string[] {
  return link.addresses.map((address) => `ip address add ${address} dev ${netdev}`);
}

/** Makes the target listen: a port does so once a subsystem is linked to it. */
export function makePorts(): string {
  const all = Object.values(ports);
  return script([`mkdir ${all.map((p) => portFolder(p.id)).join(' ')}`, ...all.flatMap(openPort)]);
}

function openPort(p: FabricPort): string[] {
  return [
    write(p.trtype, `${portFolder(p.id)}/addr_trtype`),
    write(p.adrfam, `${portFolder(p.id)}/addr_adrfam`),
    write(p.traddr, `${portFolder(p.id)}/addr_traddr`),
    write(p.trsvcid, `${portFolder(p.id)}/addr_trsvcid`),
    `ln -s ${allSubsystems.map((s) => subsystemFolder(s.nqn)).join(' ')} ${portFolder(p.id)}/subsystems/`,
  ];
}

/** The priorities of the rule for the machine's own addresses, without and with a wire. */
const LOCAL_RULE = 0;
const LOCAL_RULE_AFTER_WIRE = 30;
const ends = [
  { here: wire.near, there: wire.far },
  { here: wire.far, there: wire.near },
];

/** The wire, its devices, and the target's listener at its far end. */
export function makeWire(): string {
  const { near, far } = wire;
  return script([
    'modprobe veth',
    ip([
      `link add ${near.netdev} address ${near.mac} mtu ${link.mtu} type veth peer name ${far.netdev} address ${far.mac} mtu ${link.mtu}`,
      // Incoming packets are for this machine, and packets to the other end go over the wire, before the kernel notices
      // that the other end's address is also its own.
      ...ends.flatMap(({ here, there }) => [
        `address add ${here.address}/32 dev ${here.netdev}`,
        `rule add pref 10 iif ${here.netdev} lookup local`,
        `rule add pref 20 to ${there.address} lookup ${here.table}`,
      ]),
      `rule add pref ${LOCAL_RULE_AFTER_WIRE} lookup local`,
      `rule del pref ${LOCAL_RULE}`,
    ]),
    ...ends.flatMap(({ here }) => [
      // Accept packets from this machine's own addresses.
      write(1, `/proc/sys/net/ipv4/conf/${here.netdev}/accept_local`),
      write(0, `/proc/sys/net/ipv4/conf/${here.netdev}/rp_filter`),
    ]),
    ...plugWire(),
    `rdma link add ${near.softDevice} type rxe netdev ${near.netdev}`,
    `rdma link add ${far.softDevice} type rxe netdev ${far.netdev}`,
    `mkdir ${portFolder(farPort.id)}`,
    ...openPort(farPort),
  ]);
}

/** Brings both ends up. The neighbours are configured, so that no address has to be resolved. */
export function plugWire(): string[] {
  return [
    ip(
      ends.flatMap(({ here, there }) => [
        `link set ${here.netdev} up`,
        `route replace ${there.address} dev ${here.netdev} src ${here.address} table ${here.table}`,
        `neighbour replace ${there.address} lladdr ${there.mac} dev ${here.netdev} nud permanent`,
      ]),
    ),
  ];
}

export function removeWire(): string {
  return anyway([
    `rm -f ${portFolder(farPort.id)}/subsystems/*`,
    `rmdir ${portFolder(farPort.id)}`,
    ...ends.map(({ here }) => `rdma link delete ${here.softDevice}`),
    `ip rule add pref ${LOCAL_RULE} lookup local`,
    `ip rule del pref ${LOCAL_RULE_AFTER_WIRE}`,
    ...ends.flatMap(({ here, there }) => [
      `ip rule del pref 10 iif ${here.netdev}`,
      `ip rule del pref 20 to ${there.address}`,
    ]),
    `ip link delete ${wire.near.netdev}`,
  ]);
}

/** Makes many calls of iproute2's ip in one process. */
function ip(commands: readonly string[]): string {
  return `printf '%s\\n' ${commands.map((command) => `'${command}'`).join(' ')} | ip -batch -`;
}

/** Removes the target and its disks in the order that configfs requires, as far as they exist. */
export function removeTarget(): string {
  return anyway([
    ...Object.values(ports).flatMap((p) => [
      `rm -f ${portFolder(p.id)}/subsystems/*`,
      `rmdir ${portFolder(p.id)}`,
    ]),
    ...allSubsystems
      .filter((s) => s.allowedHosts)
      .map((s) => `rm -f ${subsystemFolder(s.nqn)}/allowed_hosts/*`),
    `rmdir ${namespaceFolders().join(' ')}`,
    `rmdir ${allSubsystems.map((s) => subsystemFolder(s.nqn)).join(' ')}`,
    `rmdir ${allowedHosts().map(hostFolder).join(' ')}`,
    `rmdir ${disks()
      .map((d) => `${NULLB}/${d.disk}`)
      .join(' ')}`,
  ]);
}

export function removeLink(): string {
  return anyway([`rdma link delete ${link.softDevice}`, `ip link delete ${link.netdev}`]);
}

export function removeAddresses(netdev: string): string {
  return anyway(link.addresses.map((address) => `ip address delete ${address} dev ${netdev}`));
}

function anyway(lines: readonly string[]): string {
  return `${lines.map((line) => `${line} 2>/dev/null\n`).join('')}true\n`;
}

/** For `.`, which ends at the first failing command and prints its name on stderr. */
function script(lines: readonly string[]): string {
  return lines
    .map((line) => `${line} || { echo "fabric: failed: ${line.slice(0, 150)}" >&2; return 1; }\n`)
    .join('');
}
