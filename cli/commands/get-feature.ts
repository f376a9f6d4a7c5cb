// The verb that shows a feature, with the options of nvme-cli.

import type { Command } from 'commander';
import { everyNamespace } from '../engine/options/namespace-option.js';
import { bytes, hex, integer } from '../engine/options/numbers.js';
import { hexDump } from '../nvme/hex-dump.js';
import { type Given, logCommand, run, show } from './logs.js';

interface GivenFeature extends Given {
  readonly featureId: number;
  readonly namespaceId: number;
  readonly sel: number;
  readonly dataLen?: number;
  readonly cdw11?: number;
}

const getFeatures = 0x0a;
const hostIdentifier = 0x81;
/** NVM Express Base Specification, "Feature Identifiers": those whose value is a data structure, with its length. */
const dataLengths: ReadonlyMap<number, number> = new Map([
  [0x03, 4096],
  [0x0c, 256],
  [0x0d, 4096],
  [0x0e, 8],
  [0x16, 512],
  [hostIdentifier, 16],
]);
/** The value of --sel that asks what a feature can do. */
const supported = 3;

export function addGetFeature(program: Command): void {
  logCommand(program, 'get-feature', 'Show a feature: its value, or its data if it has some.')
    .requiredOption('-f, --feature-id <ID>', 'the feature', integer(0, 0xff))
    .option('-N, --namespace-id <NSID>', 'the namespace', integer(0, everyNamespace), 0)
    .option(
      '--sel <N>',
      '0: the current value, 1: the default, 2: the saved one, 3: its capabilities',
      integer(0, supported),
      0,
    )
    .option('-l, --data-len <BYTES>', 'the length of its data (default: that of the feature)', bytes(0, 4096))
    .option(
      '-c, --cdw11 <N>',
      'dword 11, which some features need (default: 1 for the host identifier, else 0)',
      integer(0, 0xffff_ffff),
    )
    .action(
      run<GivenFeature>(async ({ admin }, limits, given) => {
        const { featureId, namespaceId: nsid, sel } = given;
        const hasData = sel !== supported;
        const dataLength = given.dataLen ?? (hasData ? (dataLengths.get(featureId) ?? 0) : 0);
        // Over fabrics the host identifier has 128 bits, which the command must request.
        const cdw11 = given.cdw11 ?? (featureId === hostIdentifier ? 1 : 0);
        const cdw = [featureId | (sel << 8), cdw11];
        const result = await admin.send({ opcode: getFeatures, nsid, cdw, dataLength }, limits);
        const { cdw0: value, data } = result;
        const raw = data.length > 0 ? data : Buffer.alloc(4);
        if (data.length === 0) raw.writeUInt32LE(value);
        const name = ['Current', 'Default', 'Saved', 'Supported capabilities'][sel];
        show(given, raw, () => ({
          fields: { feature: featureId, value, ...(data.length > 0 && { data: data.toString('hex') }) },
          text: () =>
            [
              `get-feature:0x${hex(featureId, 2)}, ${name}${sel === supported ? '' : ' value'}:0x${hex(value, 8)}`,
              ...(data.length > 0 ? [hexDump(data)] : []),
            ].join('\n'),
        }));
      }),
    );
}
