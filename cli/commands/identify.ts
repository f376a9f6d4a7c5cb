// The verbs that print Identify data, with the options of nvme-cli.

import type { Command } from 'commander';
import type { Controller } from 'spdk-nvme';
import { addNamespaceOption, namespaceOf } from '../engine/options/namespace-option.js';
import { integer } from '../engine/options/numbers.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import {
  addSessionOptions,
  type Session,
  type SessionOptions,
  withController,
} from '../engine/target/session.js';
import {
  addOutputOption,
  addRawOption,
  checkOutput,
  print,
  type RawOptions,
} from '../engine/terminal/output.js';
import { listing } from '../engine/terminal/show.js';
import { decodeIdCtrl } from '../nvme/id-ctrl.js';
import { decodeIdNs, decodeNsDescs, decodeNsList } from '../nvme/id-ns.js';

interface Given extends SessionOptions, RawOptions {
  readonly namespaceId?: number;
}

/** CNS values of Identify. */
const cns = { namespace: 0x00, controller: 0x01, activeNamespaces: 0x02, descriptors: 0x03 } as const;
const maxNsid = 0xffff_fffe;

interface Verb {
  readonly name: string;
  readonly description: string;
  readonly cns: number;
  readonly namespace: boolean;
  readonly decode: (data: Buffer) => object;
  readonly asText: (decoded: object) => string;
}

const verbs: readonly Verb[] = [
  {
    name: 'id-ctrl',
    description: 'Show the description of the controller (Identify Controller).',
    cns: cns.controller,
    namespace: false,
    decode: decodeIdCtrl,
    asText: (decoded) => listing(decoded as Record<string, unknown>),
  },
  {
    name: 'id-ns',
    description: 'Show a namespace (Identify Namespace).',
    cns: cns.namespace,
    namespace: true,
    decode: decodeIdNs,
    asText: (decoded) => listing(decoded as Record<string, unknown>),
  },
  {
    name: 'ns-descs',
    description: 'Show the globally unique names of a namespace: UUID, NGUID, EUI-64.',
    cns: cns.descriptors,
    namespace: true,
    decode: (data) => ({ 'ns-descs': decodeNsDescs(data) }),
    asText: (decoded) =>
      (decoded as { 'ns-descs': Record<string, unknown>[] })['ns-descs'].map(listing).join('\n'),
  },
  {
    name: 'list-ns',
    description: 'List the ids of the active namespaces, in ascending order.',
    cns: cns.activeNamespaces,
    namespace: false,
    decode: (data) => ({ nsid_list: decodeNsList(data).map((nsid) => ({ nsid })) }),
    asText: (decoded) =>
      (decoded as { nsid_list: { nsid: number }[] }).nsid_list
        .map(({ nsid }, index) => `[${String(index).padStart(4)}]:0x${nsid.toString(16)}`)
        .join('\n'),
  },
];

export function addIdentify(program: Command): void {
  for (const verb of verbs) {
    const command = program.command(verb.name).description(verb.description);
    addOutputOption(addSessionOptions(addTargetOptions(command)));
    if (verb.namespace) {
      addNamespaceOption(command);
    } else if (verb.cns === cns.activeNamespaces) {
      command.option('-N, --namespace-id <NSID>', 'the first id to list', integer(1, maxNsid), 1);
    }
    addRawOption(command).action(async (given: Given) => {
      checkOutput(given);
      process.exitCode = await withController(given, {}, async (session) => {
        await show(session, verb, given);
        return 0;
      });
    });
  }
}

async function show({ controller, limits }: Session, verb: Verb, given: Given): Promise<void> {
  const data = await controller.admin.identify(verb.cns, nsidOf(controller, verb, given), limits);
  if (given.rawBinary) {
    process.stdout.write(data);
    return;
  }
  const decoded = verb.decode(data);
  print(given.outputFormat, decoded, () => verb.asText(decoded));
}

/** A namespace that is named need not be active: the controller knows. */
function nsidOf(controller: Controller, verb: Verb, { namespaceId }: Given): number {
  if (verb.cns === cns.controller) return 0;
  // The command lists the ids above the one that it names.
  if (verb.cns === cns.activeNamespaces) return (namespaceId ?? 1) - 1;
  return namespaceId ?? namespaceOf(controller, {}).id;
}
