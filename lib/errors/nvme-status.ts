// The names of NVMe statuses.

/** The status of an NVMe command, from its completion queue entry. */
export interface NvmeStatus {
  /** Status Code Type, 0 to 7: the table of `sc`. */
  readonly sct: number;
  /** Status Code, 0 to 255. */
  readonly sc: number;
  /** Do Not Retry: the same command would fail again. */
  readonly dnr: boolean;
  /** The specification's name, or a description of the numbers if it has none. */
  readonly name: string;
  /** Which of the controller's Command Retry Delay Times it asks for, 1 to 3; missing if it asks for none. */
  readonly crd?: number;
}

/**
 * Whose command-specific status codes apply: from 80h up, they mean one thing for I/O commands and another for
 * the Fabrics commands (Connect, Authentication).
 */
type StatusContext = 'nvm' | 'fabrics';

type Names = Readonly<Record<number, string>>;

// NVM Express Base Specification, "Status Field Definition", and for 80h to BFh the NVM, Zoned Namespace and Key Value
// Command Set specifications.
const generic: Names = {
  0: 'Successful Completion',
  1: 'Invalid Command Opcode',
  2: 'Invalid Field in Command',
  3: 'Command ID Conflict',
  4: 'Data Transfer Error',
  5: 'Commands Aborted due to Power Loss Notification',
  6: 'Internal Error',
  7: 'Command Abort Requested',
  8: 'Command Aborted due to SQ Deletion',
  9: 'Command Aborted due to Failed Fused Command',
  10: 'Command Aborted due to Missing Fused Command',
  11: 'Invalid Namespace or Format',
  12: 'Command Sequence Error',
  13: 'Invalid SGL Segment Descriptor',
  14: 'Invalid Number of SGL Descriptors',
  15: 'Data SGL Length Invalid',
  16: 'Metadata SGL Length Invalid',
  17: 'SGL Descriptor Type Invalid',
  18: 'Invalid Use of Controller Memory Buffer',
  19: 'PRP Offset Invalid',
  20: 'Atomic Write Unit Exceeded',
  21: 'Operation Denied',
  22: 'SGL Offset Invalid',
  24: 'Host Identifier Inconsistent Format',
  25: 'Keep Alive Timer Expired',
  26: 'Keep Alive Timeout Invalid',
  27: 'Command Aborted due to Preempt and Abort',
  28: 'Sanitize Failed',
  29: 'Sanitize In Progress',
  30: 'SGL Data Block Granularity Invalid',
  31: 'Command Not Supported for Queue in CMB',
  32: 'Namespace is Write Protected',
  33: 'Command Interrupted',
  34: 'Transient Transport Error',
  35: 'Command Prohibited by Command and Feature Lockdown',
  36: 'Admin Command Media Not Ready',
  41: 'FDP Disabled',
  42: 'Invalid Placement Handle List',
  128: 'LBA Out of Range',
  129: 'Capacity Exceeded',
  130: 'Namespace Not Ready',
  131: 'Reservation Conflict',
  132: 'Format In Progress',
  133: 'Invalid Value Size',
  134: 'Invalid Key Size',
  135: 'KV Key Does Not Exist',
  136: 'Unrecovered Error',
  137: 'Key Exists',
};

const commandSpecific: Names = {
  0: 'Completion Queue Invalid',
  1: 'Invalid Queue Identifier',
  2: 'Invalid Queue Size',
  3: 'Abort Command Limit Exceeded',
  5: 'Asynchronous Event Request Limit Exceeded',
  6: 'Invalid Firmware Slot',
  7: 'Invalid Firmware Image',
  8: 'Invalid Interrupt Vector',
  9: 'Invalid Log Page',
  10: 'Invalid Format',
  11: 'Firmware Activation Requires Conventional Reset',
  12: 'Invalid Queue Deletion',
  13: 'Feature Identifier Not Saveable',
  14: 'Feature Not Changeable',
  15: 'Feature Not Namespace Specific',
  16: 'Firmware Activation Requires NVM Subsystem Reset',
  17: 'Firmware Activation Requires Controller Level Reset',
  18: 'Firmware Activation Requires Maximum Time Violation',
  19: 'Firmware Activation Prohibited',
  20: 'Overlapping Range',
  21: 'Namespace Insufficient Capacity',
  22: 'Namespace Identifier Unavailable',
  24: 'Namespace Already Attached',
  25: 'Namespace Is Private',
  26: 'Namespace Not Attached',
  27: 'Thin Provisioning Not Supported',
  28: 'Controller List Invalid',
  29: 'Device Self-test In Progress',
  30: 'Boot Partition Write Prohibited',
  31: 'Invalid Controller Identifier',
  32: 'Invalid Secondary Controller State',
  33: 'Invalid Number of Controller Resources',
  34: 'Invalid Resource Identifier',
  35: 'Sanitize Prohibited While Persistent Memory Region is Enabled',
  36: 'ANA Group Identifier Invalid',
  37: 'ANA Attach Failed',
  38: 'Insufficient Capacity',
  39: 'Namespace Attachment Limit Exceeded',
  40: 'Prohibition of Command Execution Not Supported',
  41: 'I/O Command Set Not Supported',
  42: 'I/O Command Set Not Enabled',
  43: 'I/O Command Set Combination Rejected',
  44: 'Invalid I/O Command Set',
  45: 'Identifier Unavailable',
  127: 'Stream Resource Allocation Failed',
};

const ioCommands: Names = {
  128: 'Conflicting Attributes',
  129: 'Invalid Protection Information',
  130: 'Attempted Write to Read Only Range',
  131: 'Command Size Limit Exceeded',
  184: 'Zoned Boundary Error',
  185: 'Zone Is Full',
  186: 'Zone Is Read Only',
  187: 'Zone Is Offline',
  188: 'Zone Invalid Write',
  189: 'Too Many Active Zones',
  190: 'Too Many Open Zones',
  191: 'Invalid Zone State Transition',
};

// Base specification, the status values of the Connect, Disconnect and Discovery commands over fabrics.
const fabricsCommands: Names = {
  128: 'Connect Incompatible Format',
  129: 'Connect Controller Busy',
  130: 'Connect Invalid Parameters',
  131: 'Connect Restart Discovery',
  132: 'Connect Invalid Host',
  133: 'Invalid Queue Type',
  144: 'Discover Restart',
  145: 'Authentication Required',
};

const mediaErrors: Names = {
  128: 'Write Fault',
  129: 'Unrecovered Read Error',
  130: 'End-to-end Guard Check Error',
  131: 'End-to-end Application Tag Check Error',
  132: 'End-to-end Reference Tag Check Error',
  133: 'Compare Failure',
  134: 'Access Denied',
  135: 'Deallocated or Unwritten Logical Block',
  136: 'End-to-end Storage Tag Check Error',
};

const pathErrors: Names = {
  0: 'Internal Path Error',
  1: 'Asymmetric Access Persistent Loss',
  2: 'Asymmetric Access Inaccessible',
  3: 'Asymmetric Access Transition',
  96: 'Controller Pathing Error',
  112: 'Host Pathing Error',
  113: 'Command Aborted By Host',
};

/**
 * The specification's name of an NVMe status.
 * @param sct Status Code Type, 0 to 7
 * @param sc Status Code, 0 to 255
 * @param context which commands' meaning applies to command-specific codes from 80h up
 */
export function nvmeStatusName(sct: number, sc: number, context: StatusContext = 'nvm'): string {
  return tableOf(sct, sc, context)?.[sc] ?? describeNumbers(sct, sc);
}

/** A frozen {@link NvmeStatus} from the fields of a completion queue entry; see {@link nvmeStatusName}. */
export function nvmeStatus(
  sct: number,
  sc: number,
  dnr: boolean,
  context: StatusContext = 'nvm',
  crd = 0,
): NvmeStatus {
  const name = nvmeStatusName(sct, sc, context);
  return Object.freeze({ sct, sc, dnr, name, ...(crd > 0 && { crd }) });
}

function tableOf(sct: number, sc: number, context: StatusContext): Names | undefined {
  switch (sct) {
    case 0:
      return generic;
    case 1:
      if (sc < 0x80) return commandSpecific;
      return context === 'fabrics' ? fabricsCommands : ioCommands;
    case 2:
      return mediaErrors;
    case 3:
      return pathErrors;
    default:
      return undefined;
  }
}

function describeNumbers(sct: number, sc: number): string {
  const kinds: Names = { 0: 'Generic', 1: 'Command Specific', 2: 'Media', 3: 'Path', 7: 'Vendor Specific' };
  // Status codes from C0h up are the vendor's in every table.
  const kind =
    sc >= 0xc0 && sct < 7 ? `Vendor Specific ${kinds[sct] ?? ''}`.trim() : (kinds[sct] ?? 'Reserved');
  return `${kind} Status ${hex(sct)}/${hex(sc)}`;
}

/** A number as the specification writes it: 84h. */
function hex(value: number): string {
  return `${value.toString(16).toUpperCase()}h`;
}
