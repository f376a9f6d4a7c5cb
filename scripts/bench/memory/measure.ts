import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { type MemoryResult, type MemoryRow, memoryCases } from './cases.js';
import type { MemoryRequest } from './worker.js';

const worker = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Each case runs in a process of its own, so that it does not inherit what an earlier case has left. */
export async function measureMemory(
  transport: MemoryRow['transport'],
  transportIds: readonly string[],
  report: (line: string) => void,
): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const what of memoryCases) {
    const { controllers, ioQueues, together } = what;
    const result = await runWorker({ transportIds: transportIds.slice(0, controllers), ioQueues, together });
    rows.push({ transport, ...what, ...result });
    report(
      `${transport}: ${controllers} controllers with ${ioQueues} queues, ${together ? 'together' : 'in turn'}`,
    );
  }
  return rows;
}

async function runWorker(request: MemoryRequest): Promise<MemoryResult> {
  const args = ['--expose-gc', '--import', import.meta.resolve('tsx'), worker, JSON.stringify(request)];
  const { stdout } = await execa(process.execPath, args, { stdin: 'ignore', stderr: 'inherit' });
  return JSON.parse(stdout);
}
