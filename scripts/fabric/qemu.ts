// The command line of QEMU.

export type Accelerator = 'kvm' | 'tcg';

export interface MachineOptions {
  readonly accelerator: Accelerator;
  readonly kernel: string;
  readonly initramfs: string;
  readonly memoryMb: number;
  readonly cpus: number;
  /** The number of pages of 2 MiB. */
  readonly hugepages: number;
  /** lib/modules/VERSION of the guest's kernel on the host. */
  readonly modules: string;
  /** Host folder that the guest may write, mounted at the same path. */
  readonly share?: string | undefined;
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** File descriptors of QEMU that are sockets to us, in the order of its stdio. */
export const QEMU_FDS = { console: 3, control: 4, stdout: 5, stderr: 6, stdin: 7, terminal: 8 } as const;

/** Arguments of qemu-system-x86_64: no BIOS set-up, no disk, no network card; the host's files and six channels. */
export function qemuArguments(options: MachineOptions): string[] {
  const { accelerator, kernel, initramfs, memoryMb, cpus, share } = options;
  const channel = (name: keyof typeof QEMU_FDS) => ['-chardev', `socket,id=${name},fd=${QEMU_FDS[name]}`];
  const port = (name: keyof typeof QEMU_FDS, number: number) => [
    ...channel(name),
    ...['-device', `virtserialport,chardev=${name},nr=${number}`],
  ];
  return [
    ...['-name', 'spdk-nvme-fabric', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-machine', 'pc,usb=off,vmport=off', '-smp', `${cpus}`, '-m', `${memoryMb}`],
    ...(accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host,-arch-capabilities']
      : ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max,-la57']),
    ...['-kernel', kernel, '-initrd', initramfs, '-append', kernelParameters(options)],
    ...channel('console'),
    ...['-serial', 'chardev:console', '-device', 'virtio-serial-pci,max_ports=8'],
    ...channel('terminal'),
    ...['-device', 'virtconsole,chardev=terminal,nr=0'],
    ...port('control', 1),
    ...port('stdout', 2),
    ...port('stderr', 3),
    ...port('stdin', 4),
    ...['-virtfs', 'local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap'],
    ...(share
      ? ['-virtfs', `local,path=${share.replaceAll(',', ',,')},mount_tag=share,security_model=none`]
      : []),
  ];
}

function kernelParameters({ hugepages, modules, share, stdin, tty }: MachineOptions): string {
  return [
    'console=ttyS0 quiet loglevel=4',
    // After a panic the guest and QEMU end instead of waiting.
    'panic=-1 oops=panic',
    // Turned off, because it costs time on an emulated processor and is not tested here.
    // no_timer_check: on a busy host the kernel may find its emulated timer too slow and give it up, and then hang.
    'no_timer_check mitigations=off init_on_alloc=0 nowatchdog tsc=reliable audit=0',
    `hugepagesz=2M hugepages=${hugepages}`,
    `fabric.stdin=${Number(stdin)} fabric.tty=${Number(tty)}`,
    `fabric.modules=${base64(modules)}`,
    ...(share ? [`fabric.share=${base64(share)}`] : []),
  ].join(' ');
}

/** Encodes a path, which may contain blanks, while kernel parameters cannot. */
function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
