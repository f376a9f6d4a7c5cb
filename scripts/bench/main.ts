// `npm run bench`: builds the C loop, measures in one boot of the fabric, prints a table and writes the JSON.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { surroundings } from '../../cli/engine/measure/surroundings.js';
import { Failure } from '../../cli/engine/process/exit.js';
import { writeJson } from '../../cli/report/option.js';
import type { PollingMode } from '../../lib/index.js';
import { FabricError } from '../fabric/errors.js';
import { runInFabric } from '../fabric/run.js';
import { ports, subsystems, transportId } from '../fabric/topology.js';
import { SetupError } from '../setup/step.js';
import { exitWhenWritten } from '../written.js';
import { type BenchArguments, parseArguments } from './arguments.js';
import { buildLoop } from './build-loop.js';
import type { IoRow } from './io/measure.js';
import { ioTable } from './io/table.js';
import { measureTcp } from './io/tcp.js';
import { type MemoryRow, summarise } from './memory/cases.js';
import { memoryTable, memoryVerdict } from './memory/table.js';
import { measureMemoryTcp } from './memory/tcp.js';
import type { About, Message, Turn } from './messages.js';
import { type AttachDetachPlan, totalCycles } from './plan.js';
import { progressOn } from './progress.js';
import { attachDetachJson, attachDetachReports, benchReport } from './report.js';
import type { GuestScale, ScaleRow } from './scale/cases.js';
import { scaleTable } from './scale/table.js';
import { measureScale } from './scale/tcp.js';
import { measureStreams, streamsTable } from './streams/tcp.js';
import { attachDetachTable, stepsTable } from './table.js';
import { measureWorkers, workersTable } from './workers/measure.js';

const RDMA_GUEST = fileURLToPath(new URL('io/rdma.ts', import.meta.url));
const MEMORY_GUEST = fileURLToPath(new URL('memory/rdma.ts', import.meta.url));
const SCALE_GUEST = fileURLToPath(new URL('scale/guest.ts', import.meta.url));
const GUEST = fileURLToPath(new URL('guest/main.ts', import.meta.url));
/** The package's default, and as much for the process that runs beside it. */
const MEMORY_MB = 256;
const PROCESSES = 2;
const HUGEPAGE_MB = 2;
/** What DPDK reserves in addition to the requested memory. */
const SPARE_HUGEPAGES = 32;
/**
 * Enough hugepages for 64 controllers of the kernel's target, which announces room for 1024 namespaces in each, and a
 * guest with enough memory for them.
 */
const MANY_HUGEPAGES = 1024;
const MANY_GUEST_MB = 4096;

function planFor({ cycles, rounds, ioQueues, cliCycles }: BenchArguments, loop: string): AttachDetachPlan {
  const hostId = randomUUID();
  return {
    transportId: transportId(subsystems.disk0.nqn),
    subsystemNqn: subsystems.disk0.nqn,
    address: ports.rdma.traddr,
    service: ports.rdma.trsvcid,
    hostNqn: `nqn.2014-08.org.nvmexpress:uuid:${hostId}`,
    hostId,
    queueDepth: 128,
    keepAliveMs: 10_000,
    memoryMb: MEMORY_MB,
    ioQueues,
    cycles,
    rounds,
    cliCycles,
    loop,
  };
}

interface Measured {
  readonly status: number;
  readonly about: About | undefined;
  readonly turns: readonly Turn[];
}

async function measure(plan: AttachDetachPlan): Promise<Measured> {
  const { stdout, stderr } = process;
  const progress = progressOn(stdout, totalCycles(plan));
  const output = new PassThrough();
  const turns: Turn[] = [];
  let about: About | undefined;
  const lines = createInterface({ input: output });
  const ended = once(lines, 'close');
  lines.on('line', (line) => {
    const message: Message = JSON.parse(line);
    if (message.kind === 'about') {
      about = message;
    } else {
      turns.push(message);
      progress.turn(message);
    }
  });
  try {
    const status = await runInFabric(
      [process.execPath, '--import', import.meta.resolve('tsx'), GUEST, JSON.stringify(plan)],
      {
        stdout: output,
        stderr,
        hugepages: (PROCESSES * MEMORY_MB) / HUGEPAGE_MB + SPARE_HUGEPAGES,
        report: stdout.isTTY ? undefined : (line) => stdout.write(`${line}\n`),
      },
    );
    output.end();
    await ended;
    return { status, about, turns };
  } finally {
    progress.stop();
  }
}

/** Measures attach and detach. Returns its part of the JSON, or undefined if it failed. */
async function attachDetach(options: BenchArguments): Promise<object | undefined> {
  const plan = planFor(options, await buildLoop());
  const { status, about, turns } = await measure(plan);
  if (status !== 0 || !about) {
    console.error(`The benchmark ended with status ${status} in the fabric.`);
    return undefined;
  }
  const reports = attachDetachReports(turns);
  const { spdk, device, node, kernel, processor, processors } = about;
  console.log(
    `\n${spdk}, ${device}, Linux ${kernel}, ${processors} × ${processor}, Node.js ${node}; milliseconds`,
  );
  console.log(attachDetachTable(reports));
  for (const report of reports) console.log(stepsTable(report));
  const failed = reports.reduce((sum, report) => sum + report.failed, 0);
  if (failed > 0) console.log(`${failed} cycles failed; see above.`);
  return attachDetachJson(about, options.cycles, turns);
}

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
  if (parsed.status !== undefined) return parsed.status;
  const { options } = parsed;
  const { only, ioRounds, ioSeconds, polling } = options;
  const note = (line: string) => console.error(line);
  const attach = only.includes('attach') ? await attachDetach(options) : {};
  if (!attach) return 1;
  const io = [
    ...(only.includes('tcp') ? await measureTcp(ioRounds, ioSeconds, note) : []),
    ...(only.includes('rdma') ? await measureRdma(ioRounds, ioSeconds) : []),
  ];
  if (io.length > 0) console.log(`\nReads of this package beside SPDK's perf\n${ioTable(io)}`);
  const workers = only.includes('workers') ? await measureWorkers(polling, ioRounds, ioSeconds, note) : [];
  if (workers.length > 0) console.log(`\nReads by several worker threads\n${workersTable(workers)}`);
  const streams = only.includes('streams') ? await measureStreams(ioRounds, note) : [];
  if (streams.length > 0) console.log(`\nStreams and files beside promises\n${streamsTable(streams)}`);
  const memory = only.includes('memory') ? await measureMemory(note) : undefined;
  const scale = only.includes('scale') ? await measureManyControllers(polling, note) : undefined;
  if (options.json !== undefined) {
    const report = benchReport(surroundings(), { ...attach, polling, io, workers, streams, memory, scale });
    await writeJson(options.json, report);
  }
  return 0;
}

/** Measures I/O over RDMA, on the fabric. */
function measureRdma(rounds: number, seconds: number): Promise<IoRow[]> {
  return inGuest(RDMA_GUEST, [String(rounds), String(seconds)]);
}

/** Measures what up to 64 controllers cost, over both transports. */
async function measureMemory(note: (line: string) => void): Promise<object> {
  const rows: MemoryRow[] = [
    ...(await measureMemoryTcp(note)),
    ...(await inGuest<MemoryRow[]>(MEMORY_GUEST, [], {
      hugepages: MANY_HUGEPAGES,
      memoryMb: MANY_GUEST_MB,
    })),
  ];
  const summary = (['tcp', 'rdma'] as const).map((transport) => summarise(transport, rows));
  console.log(`\nWhat controllers cost\n${memoryTable(rows)}\n${summary.map(memoryVerdict).join('\n')}`);
  return { rows, summary };
}

/** Measures many controllers over TCP on the host, and over both transports in the fabric, whose processors are emulated. */
async function measureManyControllers(
  polling: PollingMode,
  note: (line: string) => void,
): Promise<GuestScale & { readonly host: readonly ScaleRow[] }> {
  const host = await measureScale(polling, note);
  console.log(`\nMany controllers over TCP\n${scaleTable(host)}`);
  const guest = await inGuest<GuestScale>(SCALE_GUEST, [polling], {
    hugepages: MANY_HUGEPAGES,
    memoryMb: MANY_GUEST_MB,
  });
  console.log(`\nThe same in the emulated fabric, over RDMA\n${scaleTable(guest.rdma)}`);
  console.log(`\nThe same in the emulated fabric, over TCP\n${scaleTable(guest.tcp)}`);
  return { host, ...guest };
}

/** Runs a script in the guest, which returns its result as JSON on its standard output. */
async function inGuest<Result>(
  script: string,
  args: readonly string[],
  machine: { hugepages?: number; memoryMb?: number } = {},
): Promise<Result> {
  const output = new PassThrough();
  const text = readText(output);
  const status = await runInFabric(
    [process.execPath, '--import', import.meta.resolve('tsx'), script, ...args],
    {
      ...machine,
      stdout: output,
      stderr: process.stderr,
      report: (line) => console.error(line),
    },
  );
  output.end();
  if (status !== 0) throw new FabricError(`The benchmark ended with status ${status} in the fabric`);
  return JSON.parse(await text);
}

main().then(
  (status) => exitWhenWritten(status),
  (error: unknown) => {
    const expected = [FabricError, SetupError, Failure].some((kind) => error instanceof kind);
    console.error(`The benchmark failed: ${expected ? (error as Error).message : error}`);
    return exitWhenWritten(1);
  },
);
