// The results of admin commands of a subsystem in memory.

/** An admin command as it reaches a subsystem. */
export interface AdminQuestion {
  readonly opcode: number;
  readonly nsid: number;
  readonly cdw: readonly number[];
  readonly data: Uint8Array;
}

/** A subsystem's result; `status` as a ring has it, 0 for success. */
export interface MemoryAdminResult {
  readonly status: number;
  readonly cdw0: number;
  readonly data: Uint8Array;
}

const invalidOpcode = 0x01;
const invalidField = 0x02;

/** Completes Identify, Get Log Page, Get and Set Features, Abort and Keep Alive. @param features values by feature id */
export function adminResult(
  question: AdminQuestion,
  features: Map<number, number>,
  serial: string,
): MemoryAdminResult {
  const [dword0 = 0, dword1 = 0] = question.cdw;
  const feature = dword0 & 0xff;
  const fill = (write: (data: Uint8Array) => void): MemoryAdminResult => {
    const data = new Uint8Array(question.data.byteLength);
    write(data);
    return { status: 0, cdw0: 0, data };
  };
  const nothing = (status: number, cdw0 = 0): MemoryAdminResult => ({
    status,
    cdw0,
    data: new Uint8Array(0),
  });
  switch (question.opcode) {
    case 0x02: {
      const bytes = ((dword1 & 0xffff) * 0x1_0000 + (dword0 >>> 16) + 1) * 4;
      if (bytes !== question.data.byteLength) return nothing(invalidField);
      // Each byte depends on its place in the page, so that pieces that are put together wrongly show.
      const [, , low = 0] = question.cdw;
      return fill((data) => {
        for (let i = 0; i < data.length; i++) data[i] = ((low + i) * 7) & 0xff;
      });
    }
    case 0x06:
      if (question.data.byteLength !== 4096) return nothing(invalidField);
      return fill((data) => Buffer.from(data.buffer).write(serial, 4, 20, 'latin1'));
    case 0x08:
      // Command not aborted: those of I/O are aborted by their queue pairs.
      return nothing(0, 1);
    case 0x09:
      features.set(feature, dword1);
      return nothing(0);
    case 0x0a:
      return nothing(0, features.get(feature) ?? 0);
    case 0x18:
      return nothing(0);
    default:
      return nothing(invalidOpcode);
  }
}
