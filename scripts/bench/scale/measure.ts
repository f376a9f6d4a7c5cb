import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { ScaleRow } from './cases.js';
import type { ScaleRequest } from './worker.js';

const worker = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Each number of controllers in a process of its own, which attaches to the first of the targets. */
export async function measureCases(
  cases: readonly number[],
  request: ScaleRequest,
  report: (line: string) => void,
): Promise<ScaleRow[]> {
  const rows: ScaleRow[] = [];
  for (const controllers of cases) {
    const transportIds = request.transportIds.slice(0, controllers);
    const argument = JSON.stringify({ ...request, transportIds } satisfies ScaleRequest);
    const args = ['--expose-gc', '--import', import.meta.resolve('tsx'), worker, argument];
    const { stdout } = await execa(process.execPath, args, { stdin: 'ignore', stderr: 'inherit' });
    rows.push({ controllers, ...JSON.parse(stdout) });
    report(`scale: ${controllers} controllers`);
  }
  return rows;
}
