const perLine = 16;

/** A hex dump: an offset, sixteen numbers and their characters in each line. @param first the offset of the data */
export function hexDump(data: Buffer, first = 0): string {
  const lines: string[] = [];
  for (let at = 0; at < data.length; at += perLine) {
    const part = data.subarray(at, at + perLine);
    const numbers = part.toString('hex').replace(/../g, '$& ').trimEnd();
    const characters = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(
      `${(first + at).toString(16).padStart(4, '0')}: ${numbers.padEnd(3 * perLine - 1)} "${characters}"`,
    );
  }
  return lines.join('\n');
}
