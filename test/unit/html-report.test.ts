// The page of `--report`: one file that loads nothing, whatever text is in it; drawn by a real browser.

import { execFile, execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { writableFile } from '../../cli/engine/files/named-files.js';
import { distributionChart, type ReportDocument } from '../../cli/report/document.js';
import { renderHtml } from '../../cli/report/html.js';
import { writeReports } from '../../cli/report/option.js';
import { stressDocument } from '../../cli/report/stress.js';
import { lookAtPage, paintedPixels } from '../../scripts/testing/browser.js';
import { reportOf } from './stress-report.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-html-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hostile = `</script><script>document.title='owned'</script><!-- "'&<b>`;
const document: ReportDocument = {
  title: `A run ${hostile}`,
  facts: [[hostile, hostile]],
  findings: [hostile],
  interrupted: false,
  tables: [{ title: hostile, head: [hostile], rows: [[hostile]] }],
  charts: [
    distributionChart(`Distribution ${hostile}`, 'µs', {
      [`reads ${hostile}`]: [
        { upTo: 10, count: 1 },
        { upTo: 20, count: 3 },
      ],
    }),
    {
      title: 'Rate',
      x: { label: 'seconds', kind: 'time', values: [1, 2, 3] },
      yLabel: 'operations a second',
      shape: 'lines',
      series: [{ label: 'rate', values: [5, null, 7] }],
    },
  ],
  events: [{ atMs: 1_500, text: hostile }],
};

describe('the files of a report', () => {
  it.each([
    ['/proc/spdk-nvme-report.html', /cannot be written/],
    ['/nonexistent/report.html', /Create the folder/],
    ['/', /the name of a file/],
  ])('%s is refused at the start', (file, why) => {
    expect(() => writableFile(file)).toThrow(why);
  });

  it('keep their content until the end, and are not made before', () => {
    const file = path.join(folder, 'kept.html');
    expect(writableFile(file)).toBe(file);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, 'before');
    expect(writableFile(file)).toBe(file);
    expect(readFileSync(file, 'utf8')).toBe('before');
  });

  it('are written, the page also where the JSON cannot be', async () => {
    const page = path.join(folder, 'page.html');
    const { signal } = new AbortController();
    const written = writeReports('/proc/report.json', {}, page, document, signal);
    await expect(written).rejects.toThrow(/^\S+ cannot be written: ENOENT[^\n]+$/);
    expect(readFileSync(page, 'utf8')).toContain('<!doctype html>');
  });

  const pipe = (name: string) => {
    const file = path.join(folder, name);
    execFileSync('mkfifo', [file]);
    return writableFile(file);
  };

  it('may be a pipe, whose reader may come later', async () => {
    const file = pipe('late');
    const { signal } = new AbortController();
    const report = { text: 'x'.repeat(1 << 20) };
    const written = writeReports(file, report, undefined, document, signal);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const [read] = await Promise.all([promisify(execFile)('cat', [file], { maxBuffer: 2 << 20 }), written]);
    expect(JSON.parse(read.stdout)).toEqual(report);
  });

  it.each([
    ['that no process reads', [], 'no process reads'],
    ['whose reader does nothing', ['r+'], 'stopped reading'],
  ])('are given up soon after a signal for a pipe %s', async (name, flags, why) => {
    const file = pipe(name);
    const peers = flags.map((flag) => openSync(file, flag));
    const stop = new AbortController();
    const report = { text: 'x'.repeat(1 << 20) };
    const written = writeReports(file, report, undefined, document, stop.signal);
    const asked = setTimeout(() => stop.abort(), 100);
    await expect(written).rejects.toThrow(why);
    // Also if the signal was before.
    await expect(writeReports(file, report, undefined, document, stop.signal)).rejects.toThrow(why);
    clearTimeout(asked);
    for (const peer of peers) closeSync(peer);
  });
});

describe('the page', () => {
  const html = renderHtml(document);

  it('loads nothing: no address in it, and a policy that forbids it', () => {
    expect(html).toContain(
      `content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"`,
    );
    expect(html).not.toMatch(/\b(src|href)=|@import|url\(/);
  });

  it('keeps text from becoming markup', () => {
    expect(html.match(/<script\b/g)).toHaveLength(3);
    expect(html.match(/<\/script/g)).toHaveLength(3);
    expect(html).not.toContain('<!--');
    const data = /<script type="application\/json" id="data">(.*)<\/script>/.exec(html)?.[1] ?? '';
    expect(JSON.parse(data).events).toEqual(document.events);
  });

  it('gives the share of operations in each range of latency', () => {
    expect(document.charts[0]).toMatchObject({
      x: { kind: 'log', values: [10, 20] },
      series: [{ values: [25, 75] }],
    });
  });

  it('of a stress run has its latencies, phases, leaks and events', () => {
    const row = { atMs: 0, ms: 1_000, loops: 10, failed: 1, attaches: 20, attachMs: 2_000, attachMaxMs: 300 };
    const detach = { detaches: 20, detachMs: 1_200, detachMaxMs: 90 };
    const begin = { waitMs: 20, addressMs: 0, controllerMs: 1_500, queuePairsMs: 400, describeMs: 80 };
    const phases = { drainMs: 0, disconnectMs: 20, lingerMs: 1_000, destroyMs: 180 };
    const { charts, tables, findings, facts } = stressDocument(
      reportOf({ hangs: 1, timeline: [{ ...row, ...detach, ...begin, ...phases, rssMiB: 70 }] }),
    );
    expect(facts).toContainEqual(['TCP congestion control', 'cubic']);
    const values = Object.fromEntries(
      charts.map(({ title, series }) => [title, series.map(({ label, values }) => [label, values[0]])]),
    );
    expect(values).toMatchObject({
      'Rate over time': [
        ['loops a second', 10],
        ['of them failed', 1],
      ],
      'Latency over time': [
        ['attach, mean', 100],
        ['attach, max', 300],
        ['detach, mean', 60],
        ['detach, max', 90],
      ],
      'Phases of an attach': [
        ['wait', 1],
        ['check of the address', 0],
        ['controller', 75],
        ['queue pairs', 20],
        ['description', 4],
      ],
      'Phases of a detach': [
        ['drain', 0],
        ['disconnect', 1],
        ['linger', 50],
        ['destroy', 9],
      ],
      'Resident memory': [['MiB', 70]],
    });
    expect(findings).toEqual(['1 operation hung']);
    expect(tables.map(({ title }) => title)).toContain('Leaks');
  });
});

describe('in a browser', { timeout: 60_000 }, () => {
  it('draws the charts, and takes no text for markup', async () => {
    const file = path.join(folder, 'report.html');
    writeFileSync(file, renderHtml(document));
    const { painted, ...seen } = await lookAtPage(file, async (page) => ({
      title: await page.title(),
      heading: await page.locator('h1').textContent(),
      titles: await page.locator('#charts h2').allTextContents(),
      legends: await page.locator('#charts .u-legend').count(),
      markup: await page.locator('b').count(),
      painted: await paintedPixels(page),
    }));
    expect(seen).toEqual({
      title: document.title,
      heading: document.title,
      titles: document.charts.map(({ title }) => title),
      legends: document.charts.length,
      markup: 0,
    });
    expect(painted).toHaveLength(document.charts.length);
    for (const pixels of painted) expect(pixels).toBeGreaterThan(1_000);
  });

  it('draws the charts anew in a narrow window', async () => {
    const file = path.join(folder, 'narrow.html');
    writeFileSync(file, renderHtml(document));
    await lookAtPage(file, async (page) => {
      const chart = page.locator('canvas').first();
      const width = async () => (await chart.boundingBox())?.width ?? 0;
      expect(await width()).toBeGreaterThan(600);
      await page.setViewportSize({ width: 500, height: 800 });
      await vi.waitUntil(async () => (await width()) < 500, { timeout: 10_000 });
      expect(await page.locator('canvas').count()).toBe(document.charts.length);
    });
  });
});
