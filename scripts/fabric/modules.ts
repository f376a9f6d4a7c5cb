/** The kernel modules that the guest loads at boot; their dependencies are found when the initramfs is made. */

/** The modules that are needed to reach the host's files. */
export const ROOT_MODULES = ['virtio_pci', '9p', '9pnet_virtio', 'overlay'] as const;

/**
 * The other modules. crc32_generic is not a dependency for modprobe, but rdma_rxe does not start without it. The guest
 * loads other modules (veth, brd, nvme-tcp, ...) with `modprobe`, which costs nothing at boot.
 */
export const FABRIC_MODULES = [
  'virtio_console',
  'crc32_generic',
  'crc32c_generic',
  'dummy',
  'rdma_rxe',
  'ib_uverbs',
  'rdma_ucm',
  'null_blk',
  'nvmet-rdma',
  'nvmet-tcp',
  'nvme-rdma',
] as const;

/** Disks are created by name, none by number. */
export const MODULE_PARAMETERS: Readonly<Record<string, string>> = { null_blk: 'nr_devices=0' };

const SIGNATURE_MAGIC = Buffer.from('~Module signature appended~\n');
/** struct module_signature: eight bytes, then the signature's length, big endian. */
const SIGNATURE_INFO_BYTES = 12;

/**
 * The module without its signature. Verifying RSA signatures of forty modules on an emulated processor takes longer
 * than loading them, and this kernel does not require signatures.
 */
export function withoutSignature(module: Buffer): Buffer {
  const magicAt = module.length - SIGNATURE_MAGIC.length;
  const infoAt = magicAt - SIGNATURE_INFO_BYTES;
  if (infoAt < 0 || !module.subarray(magicAt).equals(SIGNATURE_MAGIC)) return module;
  const end = infoAt - module.readUInt32BE(infoAt + 8);
  return end > 0 ? module.subarray(0, end) : module;
}

/** The files that `modprobe --show-depends` names, in load order. */
export function parseShowDepends(output: string): string[] {
  return output
    .split('\n')
    .map((line) => /^insmod\s+(\S+)/.exec(line)?.[1])
    .filter((path) => path !== undefined);
}
