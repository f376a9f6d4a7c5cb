// NVMe/TCP's PDUs, as far as the tests' proxies look into them.

/** Types of PDUs. */
const initialisation = 0x00;
const commandCapsule = 0x04;
const responseCapsule = 0x05;
const dataToTarget = 0x06;
const dataToHost = 0x07;
/** Opcodes (NVMe base specification; NVMe over Fabrics specification, with the types of fabrics commands). */
const identify = 0x06;
const fabrics = 0x7f;
const fabricsTypes = { propertySet: 0x00, connect: 0x01, propertyGet: 0x04 } as const;
const identifyController = 1;

const commonHeader = 8;
const commandBytes = 64;

/** The digests that an initialisation request asks for. */
export function digestsIn(pdu: Buffer): { header: boolean; data: boolean } | undefined {
  if (pdu[0] !== initialisation) return undefined;
  const bits = pdu.readUInt8(11);
  return { header: (bits & 1) !== 0, data: (bits & 2) !== 0 };
}

/** The entry of a submission queue in a command capsule, without the capsule's data. */
export function commandIn(pdu: Buffer): Buffer | undefined {
  return pdu[0] === commandCapsule ? pdu.subarray(commonHeader, commonHeader + commandBytes) : undefined;
}

/** The entry of a completion queue in a response capsule. */
export function completionIn(pdu: Buffer): Buffer | undefined {
  return pdu[0] === responseCapsule ? pdu.subarray(commonHeader) : undefined;
}

/** The data in a PDU of either direction, which begins where its header says. */
export function dataIn(pdu: Buffer): Buffer | undefined {
  const [type = 0, , , offset = 0] = pdu;
  const hasData = [commandCapsule, dataToTarget, dataToHost].includes(type) && offset > 0;
  return hasData ? pdu.subarray(offset) : undefined;
}

/** The command that data of a host or a target belongs to. */
export const commandOfData = (pdu: Buffer): number => pdu.readUInt16LE(commonHeader);

export const isDataToTarget = (pdu: Buffer): boolean => pdu[0] === dataToTarget;
export const isDataToHost = (pdu: Buffer): boolean => pdu[0] === dataToHost;

/** The number that a command and its completion carry. */
export const commandId = (command: Buffer): number => command.readUInt16LE(2);
export const completedId = (completion: Buffer): number => completion.readUInt16LE(12);

export const asksForController = (command: Buffer): boolean =>
  command[0] === identify && command[40] === identifyController;

export function isFabrics(command: Buffer, type: keyof typeof fabricsTypes): boolean {
  return command[0] === fabrics && command[4] === fabricsTypes[type];
}

/** Cuts a stream of bytes into PDUs. */
export class PduReader {
  #rest: Buffer = Buffer.alloc(0);

  take(bytes: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const whole: Buffer[] = [];
    while (this.#rest.length >= commonHeader && this.#rest.length >= this.#rest.readUInt32LE(4)) {
      const length = this.#rest.readUInt32LE(4);
      whole.push(this.#rest.subarray(0, length));
      this.#rest = this.#rest.subarray(length);
    }
    return whole;
  }
}
