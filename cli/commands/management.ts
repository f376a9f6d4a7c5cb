// The verbs that change a device. Each needs --force: there is no way back.

import { type Command, Option } from 'commander';
import type { FirmwareCommitOptions, SanitizeOptions } from 'spdk-nvme';
import { readInput, sizeOfInput } from '../engine/files/named-files.js';
import { everyNamespace } from '../engine/options/namespace-option.js';
import { hex, integer, integers } from '../engine/options/numbers.js';
import { UsageError } from '../engine/process/exit.js';
import { decodeSanitizeLog, decodeSelfTestLog, sanitizeBytes, selfTestBytes } from '../nvme/device-logs.js';
import { act, changing, type Given, logVerb, namespaceId } from './changing.js';

/** In the order of their numbers, from 1 on. */
const sanitizeActions = ['exit-failure', 'start-block-erase', 'start-overwrite', 'start-crypto-erase'];
const sanitizePage = 0x81;
const selfTestPage = 0x06;

export function addManagement(program: Command): void {
  addFormat(program);
  addNamespaces(program);
  addFirmware(program);
  addSanitize(program);
  addSelfTest(program);
}

interface FormatGiven {
  readonly lbaf?: number;
  readonly ses: number;
  readonly pi: number;
  readonly pil: number;
  readonly ms?: number;
}

function checkFormat({ namespaceId: nsid, lbaf, pi, pil }: Given & FormatGiven): void {
  if (pil !== 0 && pi === 0) throw new UsageError('--pil needs --pi: there is no protection information');
  if (nsid === everyNamespace && lbaf === undefined)
    throw new UsageError(
      '--lbaf is missing: all namespaces need it, because they can have different formats',
    );
}

function addFormat(program: Command): void {
  changing(program, 'format', 'Give a namespace another format of blocks; its data is lost.')
    .addOption(namespaceId('the namespace; 0xffffffff: all of them'))
    .option(
      '-l, --lbaf <N>',
      'the LBA format, as id-ns lists them (default: unchanged; required for all namespaces)',
      integer(0, 63),
    )
    .option('--ses <N>', 'secure erase: 1 user data, 2 cryptographic', integer(0, 2), 0)
    .option('-i, --pi <N>', 'the type of protection information; 0 turns it off', integer(0, 3), 0)
    .option('-p, --pil <N>', 'protection information first (1) or last (0) in the metadata', integer(0, 1), 0)
    .option(
      '-m, --ms <N>',
      'metadata among the data (1) or separate (0) (default: unchanged, or 1 with --lbaf)',
      integer(0, 1),
    )
    .action(
      act<FormatGiven>(async (to, limits, given) => {
        await to.format(given.namespaceId, {
          lbaFormat: given.lbaf,
          secureErase: (['none', 'user-data', 'cryptographic'] as const)[given.ses] ?? 'none',
          protectionType: given.pi,
          protectionPlace: given.pil === 1 ? 'first' : 'last',
          metadata: given.ms === undefined ? undefined : given.ms === 1 ? 'interleaved' : 'separate',
          ...limits,
        });
        return `Success formatting namespace:${hex(given.namespaceId)}`;
      }, checkFormat),
    );
}

function addNamespaces(program: Command): void {
  changing(program, 'create-ns', 'Create a namespace.')
    .requiredOption('--nsze <BLOCKS>', 'its size in blocks', integer(1, Number.MAX_SAFE_INTEGER))
    .option('-c, --ncap <BLOCKS>', 'its capacity (default: its size)', integer(1, Number.MAX_SAFE_INTEGER))
    .option('-f, --flbas <N>', 'the LBA format, as id-ns lists them', integer(0, 15), 0)
    .option('-d, --dps <N>', 'the type of protection information', integer(0, 3), 0)
    .option('-m, --nmic <N>', 'shared between controllers (1) or not (0)', integer(0, 1), 0)
    .action(
      act<{ nsze: number; ncap?: number; flbas: number; dps: number; nmic: number }>(
        async (to, limits, given) => {
          const nsid = await to.createNamespace({
            blocks: given.nsze,
            capacityBlocks: given.ncap,
            lbaFormat: given.flbas,
            protectionType: given.dps,
            shared: given.nmic === 1,
            ...limits,
          });
          return `create-ns: Success, created nsid:${nsid}`;
        },
      ),
    );
  changing(program, 'delete-ns', 'Delete a namespace with its data.')
    .addOption(namespaceId('the namespace; 0xffffffff: all of them'))
    .action(
      act(async (to, limits, { namespaceId: nsid }) => {
        await to.deleteNamespace(nsid, limits);
        return `delete-ns: Success, deleted nsid:${nsid}`;
      }),
    );
  for (const [name, method, description] of [
    ['attach-ns', 'attachNamespace', 'Attach controllers to a namespace.'],
    ['detach-ns', 'detachNamespace', 'Detach controllers from a namespace.'],
  ] as const) {
    changing(program, name, description)
      .addOption(namespaceId('the namespace', { max: everyNamespace - 1 }))
      .option(
        '-c, --controllers <IDS>',
        'the ids of controllers, separated by commas (default: this one)',
        integers(0, 0xffef),
      )
      .action(
        act<{ controllers?: number[] }>(async (to, limits, { namespaceId: nsid, controllers }) => {
          await to[method](nsid, { controllers, ...limits });
          return `${name}: Success, nsid:${nsid}`;
        }),
      );
  }
}

function addFirmware(program: Command): void {
  changing(program, 'fw-download', 'Send a firmware image, which fw-commit stores.')
    .requiredOption('-f, --fw <FILE>', 'the image')
    .option(
      '--offset <DWORDS>',
      'where in the image the file begins, in units of 4 bytes as in nvme-cli',
      integer(0, 2 ** 32 - 1),
      0,
    )
    .action(
      act<{ fw: string; offset: number }>(async (to, limits, given) => {
        const image = readInput(given.fw, sizeOfImage(given));
        await to.downloadFirmware(image, { offset: given.offset * 4, ...limits });
        return 'Firmware download success';
      }, sizeOfImage),
    );
  changing(program, 'fw-commit', 'Store or activate a firmware image.')
    .option('--slot <N>', 'the slot; 0: the controller chooses', integer(0, 7), 0)
    .option('--action <N>', '0 store, 1 store and activate, 2 activate, 3 activate now', integer(0, 3), 0)
    .action(
      act<{ slot: number; action: number }>(async (to, limits, { slot, action }) => {
        const actions: FirmwareCommitOptions['action'][] = [
          'store',
          'store-and-activate',
          'activate',
          'activate-now',
        ];
        const needs = await to.commitFirmware({ action: actions[action] ?? 'store', slot, ...limits });
        return `Success committing firmware action:${action} slot:${slot}${needs === 'nothing' ? '' : `; it waits for a ${needs}`}`;
      }),
    );
}

function sizeOfImage({ fw }: { readonly fw: string }): number {
  const size = sizeOfInput('--fw', fw);
  if (size === undefined || size === 0 || size % 4 !== 0)
    throw new UsageError(
      `--fw must be a regular file of a multiple of 4 bytes; ${fw} has ${size ?? 'no length'}`,
    );
  return size;
}

interface SanitizeGiven {
  readonly sanact: string;
  readonly ause: boolean;
  readonly dealloc: boolean;
  readonly owpass?: number;
  readonly ovrpat?: number;
  readonly oipbp?: boolean;
}

function sanitizeActionOf({ sanact }: SanitizeGiven): SanitizeOptions['action'] {
  const name = sanitizeActions[Number(sanact) - 1] ?? sanact;
  return name.replace('start-', '') as SanitizeOptions['action'];
}

/** Rejects options that the action does not have. */
function checkSanitize(given: SanitizeGiven): void {
  const action = sanitizeActionOf(given);
  const { owpass, ovrpat, oipbp, ause, dealloc } = given;
  const overwrites = Object.entries({ owpass, ovrpat, oipbp });
  const [other] = overwrites.find(([, value]) => value !== undefined) ?? [];
  if (other && action !== 'overwrite') throw new UsageError(`--${other} needs --sanact start-overwrite`);
  if (action === 'exit-failure' && (ause || !dealloc))
    throw new UsageError(`--${ause ? 'ause' : 'no-dealloc'} needs a --sanact that erases`);
}

function addSanitize(program: Command): void {
  changing(program, 'sanitize', 'Erase all data of the subsystem for good.')
    .addOption(
      new Option('--sanact <ACTION>', 'what to do')
        .choices([...sanitizeActions, '1', '2', '3', '4'])
        .makeOptionMandatory(),
    )
    .option('-u, --ause', 'allow an unrestricted exit', false)
    .option('-d, --no-dealloc', 'do not deallocate afterwards')
    .option('--owpass <N>', 'passes of an overwrite, 1 to 16', integer(1, 16))
    .option('--ovrpat <N>', 'the pattern of an overwrite', integer(0, 0xffff_ffff))
    .option('--oipbp', 'invert the pattern between passes')
    .action(
      act<SanitizeGiven>(async (to, limits, given) => {
        await to.sanitize({
          action: sanitizeActionOf(given),
          allowUnrestrictedExit: given.ause,
          noDeallocate: !given.dealloc,
          passes: given.owpass,
          pattern: given.ovrpat,
          invertPattern: given.oipbp,
          ...limits,
        });
        return 'Sanitize has begun; sanitize-log has its progress';
      }, checkSanitize),
    );
  logVerb(program, 'sanitize-log', 'Show the Sanitize Status log.', async ({ controller, limits }) => {
    await controller.management.sanitizeLog(limits);
    const page = await controller.admin.logPage(sanitizePage, sanitizeBytes, everyNamespace, limits);
    return { page, decode: decodeSanitizeLog };
  });
}

function addSelfTest(program: Command): void {
  changing(program, 'device-self-test', 'Begin a self-test, or end the one that runs.')
    .addOption(
      namespaceId('the namespace; 0: the controller; 0xffffffff: all of them', { min: 0 }).default(
        everyNamespace,
      ),
    )
    .addOption(
      new Option('--self-test-code <CODE>', '1 short, 2 extended, 0xf abort')
        .choices(['1', '2', '0xf', '0xF', '15'])
        .makeOptionMandatory(),
    )
    .action(
      act<{ selfTestCode: string }>(async (to, limits, { selfTestCode, namespaceId: nsid }) => {
        const code = Number(selfTestCode);
        const kind = code === 1 ? 'short' : code === 2 ? 'extended' : 'abort';
        await to.selfTest(kind, { nsid, ...limits });
        return kind === 'abort'
          ? 'The self-test was aborted'
          : `The ${kind} self-test has begun; self-test-log has its progress`;
      }),
    );
  logVerb(program, 'self-test-log', 'Show the Device Self-test log.', async ({ controller, limits }) => {
    await controller.management.selfTestLog(limits);
    const page = await controller.admin.logPage(selfTestPage, selfTestBytes, everyNamespace, limits);
    return { page, decode: decodeSelfTestLog };
  });
}
