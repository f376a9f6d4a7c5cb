import Table from 'cli-table3';

/** Without colours, so that a table is readable in a log as well. */
export const tableStyle: { head: string[]; border: string[] } = { head: [], border: [] };

type Row = readonly (string | number)[];

export interface TableOptions {
  /** Default: all to the left. */
  readonly align?: readonly ('left' | 'right')[];
  /** The titles in a listing, where a unit may not be clear from the titles beside it. Default: those of the table. */
  readonly listed?: readonly string[];
  readonly stream?: { readonly isTTY?: boolean; readonly columns?: number };
}

/** A table with a title for each column; a listing of each row where the terminal is too narrow for it. */
export function table(
  head: readonly string[],
  rows: readonly Row[],
  { align = [], listed = head, stream = process.stdout }: TableOptions = {},
): string {
  const all = new Table({ head: [...head], colAligns: [...align], style: tableStyle });
  for (const row of rows) all.push([...row]);
  // A terminal that does not report its width is treated as unlimited.
  const columns = (stream.isTTY && stream.columns) || Number.POSITIVE_INFINITY;
  if (rows.length === 0 || all.width <= columns) return all.toString();
  const list = (row: Row) => listing(Object.fromEntries(listed.map((title, at) => [title, row[at]])));
  return rows.map(list).join('\n\n');
}

/** One `name : value` a line, as nvme-cli prints a data structure. */
export function listing(fields: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(fields);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)} : ${formatValue(value)}`).join('\n');
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return value.trimEnd();
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));
}
