// The configuration of SPDK's own target.

import { createHash } from 'node:crypto';

/** The content of a subsystem of the target. */
export interface TargetSubsystem {
  readonly nqn: string;
  readonly serial: string;
  /** Host NQNs that may connect; absent: every host may. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** The UUID and the NGUID of its disk are computed from this; default: the subsystem's name. */
  readonly identity?: string | undefined;
  /** A file of the host that keeps reservations over a restart. */
  readonly reservationsFile?: string | undefined;
  readonly disk:
    | {
        readonly kind: 'null';
        readonly sizeMb: number;
        readonly blockSize: number;
        /** Bytes of interleaved metadata of each block, the protection type, 0 for none, and whether it is in the first bytes. */
        readonly metadata?:
          | { readonly size: number; readonly protectionType: 0 | 1 | 2 | 3; readonly first?: boolean }
          | undefined;
      }
    | {
        readonly kind: 'malloc';
        readonly sizeMb: number;
        readonly blockSize: number;
        /** Default: another one at each start. */
        readonly uuid?: string | undefined;
        /** The most that it transfers at a time; further commands wait in the target. */
        readonly maxMbPerSecond?: number | undefined;
      }
    /** A file of the host. */
    | { readonly kind: 'file'; readonly path: string; readonly blockSize: number }
    /** A disk with a delay in microseconds: a null disk, or a file. */
    | {
        readonly kind: 'delay';
        readonly sizeMb: number;
        readonly blockSize: number;
        readonly delayUs: number;
        readonly path?: string | undefined;
      };
}

/** The address of the target. */
export interface TargetListener {
  readonly trtype: 'TCP' | 'RDMA';
  readonly traddr: string;
  readonly trsvcid: string;
}

/** The limits of the target's transport. */
export interface TransportLimits {
  /** Buffers for data in transfer; SPDK has 4095 by default. */
  readonly sharedBuffers?: number | undefined;
  /** The most that one command transfers, a power of two from 8 KiB on; SPDK has 128 KiB by default. */
  readonly maxIoBytes?: number | undefined;
}

/** The size of a buffer, where a limit is set. */
const ioUnitBytes = 8_192;

/** IPv6 addresses have colons. */
const familyOf = ({ traddr }: TargetListener) => (traddr.includes(':') ? 'IPv6' : 'IPv4');

/** SPDK's string for a subsystem of the target. */
export function listenerId(listener: TargetListener, nqn: string): string {
  const { trtype, traddr, trsvcid } = listener;
  return `trtype:${trtype} adrfam:${familyOf(listener)} traddr:${traddr} trsvcid:${trsvcid} subnqn:${nqn}`;
}

interface Call {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** The start-up configuration of nvmf_tgt of a release, 2205 for v22.05: the calls of its RPC interface, as JSON. */
export function targetConfig(
  listener: TargetListener,
  subsystems: readonly TargetSubsystem[],
  { sharedBuffers, maxIoBytes, release }: TransportLimits & { readonly release: number },
): string {
  const bdevs = subsystems.flatMap((subsystem, i) => disk(`Disk${i}`, subsystem.disk, release));
  const nvmf: Call[] = [
    {
      method: 'nvmf_create_transport',
      params: {
        trtype: listener.trtype,
        ...(sharedBuffers && { num_shared_buffers: sharedBuffers }),
        ...(maxIoBytes && { max_io_size: maxIoBytes, io_unit_size: Math.min(maxIoBytes, ioUnitBytes) }),
      },
    },
    ...subsystems.flatMap(({ nqn, serial, allowedHosts, identity = nqn, reservationsFile }, i): Call[] => [
      {
        method: 'nvmf_create_subsystem',
        params: { nqn, serial_number: serial, allow_any_host: allowedHosts === undefined },
      },
      ...(allowedHosts ?? []).map(
        (host): Call => ({ method: 'nvmf_subsystem_add_host', params: { nqn, host } }),
      ),
      {
        method: 'nvmf_subsystem_add_ns',
        params: {
          nqn,
          namespace: {
            bdev_name: `Disk${i}`,
            ...namespaceIds(identity),
            ...(reservationsFile && { ptpl_file: reservationsFile }),
          },
        },
      },
      {
        method: 'nvmf_subsystem_add_listener',
        params: { nqn, listen_address: { ...listener, adrfam: familyOf(listener) } },
      },
    ]),
  ];
  return JSON.stringify({
    subsystems: [
      { subsystem: 'bdev', config: bdevs },
      { subsystem: 'nvmf', config: nvmf },
    ],
  });
}

/**
 * Identifiers that are the same at each start of a target, so that hosts see the same namespace. Newer SPDK creates
 * random ones each time.
 */
function namespaceIds(identity: string): { uuid: string; nguid: string } {
  const digits = createHash('sha1').update(identity).digest('hex').slice(0, 32);
  return { uuid: digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), nguid: digits.toUpperCase() };
}

function disk(name: string, what: TargetSubsystem['disk'], release: number): Call[] {
  switch (what.kind) {
    case 'file':
      return [
        {
          method: 'bdev_aio_create',
          params: { name, filename: what.path, block_size: what.blockSize },
        },
      ];
    case 'delay': {
      const late = what.delayUs;
      const { path, blockSize } = what;
      return [
        ...disk(
          `${name}Base`,
          path === undefined ? { ...what, kind: 'null' } : { kind: 'file', path, blockSize },
          release,
        ),
        {
          method: 'bdev_delay_create',
          params: {
            name,
            base_bdev_name: `${name}Base`,
            avg_read_latency: late,
            p99_read_latency: late,
            avg_write_latency: late,
            p99_write_latency: late,
          },
        },
      ];
    }
    case 'null': {
      const { metadata } = what;
      // From v24.01 on (seen: v20.07, v24.09, v26.05) the size of a block is without its metadata.
      const block = what.blockSize + (release < 2401 ? (metadata?.size ?? 0) : 0);
      const beside = metadata && {
        md_size: metadata.size,
        dif_type: metadata.protectionType,
        dif_is_head_of_md: metadata.first ?? false,
      };
      const params = {
        name,
        num_blocks: (what.sizeMb * 2 ** 20) / what.blockSize,
        block_size: block,
        ...beside,
      };
      return [{ method: 'bdev_null_create', params }];
    }
    case 'malloc':
      return [
        {
          method: 'bdev_malloc_create',
          params: {
            name,
            num_blocks: (what.sizeMb * 2 ** 20) / what.blockSize,
            block_size: what.blockSize,
            ...(what.uuid && { uuid: what.uuid }),
          },
        },
        ...(what.maxMbPerSecond === undefined
          ? []
          : [{ method: 'bdev_set_qos_limit', params: { name, rw_mbytes_per_sec: what.maxMbPerSecond } }]),
      ];
  }
}
