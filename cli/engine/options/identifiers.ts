// Parsers for what names targets and hosts. They report a wrong value before anything is opened, by its option's name.
import { readdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parseTransportId, type TransportId } from 'spdk-nvme';

/** Some target: the package checks an NQN as a part of a transport id. */
const anyTarget = { trtype: 'TCP', adrfam: 'IPv4', traddr: '192.0.2.1', trsvcid: '4420' } as const;

export function nqn(text: string): string {
  attempt(() => parseTransportId({ ...anyTarget, subnqn: text }));
  return text;
}

export function transportId(text: string): TransportId {
  const id = attempt(() => parseTransportId(text));
  if (id.trtype === 'PCIe') throw new InvalidArgumentError('The transport must be RDMA or TCP.');
  return id;
}

export function address(text: string): string {
  if (isIP(text)) return text;
  throw new InvalidArgumentError('The value must be an IPv4 or IPv6 address.');
}

/** A host name; its last part has a letter, so that 10.0.0.256 is none. */
const hostName = /^([a-z\d_]([\w-]*[a-z\d_])?\.)*(?=[\w-]*[a-z])[a-z\d_]([\w-]*[a-z\d_])?\.?$/i;

/** An IP address, or a name for which there may be one. */
export function host(text: string): string {
  if (isIP(text) || hostName.test(text)) return text;
  throw new InvalidArgumentError('The value must be an IPv4 or IPv6 address, or a host name.');
}

/** A UUID of the form 8-4-4-4-12. All zeroes mean "no identifier", which targets reject. */
export function uuid(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) && /[^0-]/.test(text)) return text;
  throw new InvalidArgumentError(
    'The value must be a UUID that is not all zeroes, such as 8f3b416d-81bd-47ac-95c5-78f60a9dd181.',
  );
}

/** A device of this machine. */
export function rdmaDevice(text: string): string {
  const devices = rdmaDevices();
  if (devices.includes(text)) return text;
  throw new InvalidArgumentError(
    `There is no such RDMA device; this machine has ${devices.join(', ') || 'none'}.`,
  );
}

function rdmaDevices(): string[] {
  try {
    return readdirSync('/sys/class/infiniband');
  } catch {
    return [];
  }
}

function attempt<Result>(parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    const { message } = error as Error;
    const inOwnWords = message
      .replace(/^subnqn must/, 'The value must')
      .replace(/ \(resolve host names first[^)]*\)/, ' (--traddr takes host names, too)');
    throw new InvalidArgumentError(`${inOwnWords}.`);
  }
}
