// Opcodes: their two lowest bits are the direction of a command's data (NVMe base specification, "Command Dword 0").

/** Whether a command with this opcode sends data to the controller, if it has any. */
export function sendsData(opcode: number): boolean {
  return (opcode & 1) !== 0;
}

/** Whether it receives data from the controller, if it has any. */
export function receivesData(opcode: number): boolean {
  return (opcode & 2) !== 0;
}
