import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { ReportDocument, ReportTable } from './document.js';
import { pageScript } from './page-script.js';
import { style } from './style.js';

const uplot = path.join(path.dirname(createRequire(import.meta.url).resolve('uplot')));

/**
 * A report as one file: the library that draws it and its data are inside, and it loads nothing.
 * @returns HTML
 */
export function renderHtml(report: ReportDocument): string {
  const { title, facts, findings, interrupted, tables, charts, events } = report;
  const library = readFileSync(path.join(uplot, 'uPlot.iife.min.js'), 'utf8');
  const libraryStyle = readFileSync(path.join(uplot, 'uPlot.min.css'), 'utf8');
  const stopped = interrupted ? 'The run was stopped before its end. ' : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${libraryStyle}${style}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p class="verdict ${findings.length === 0 ? 'clean' : 'found'}">${stopped}${findings.length === 0 ? 'Nothing was found wrong.' : `Found: ${findings.map(escapeHtml).join('; ')}.`}</p>
<dl>${facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>
${tables.map(renderTable).join('\n')}
<div id="charts"><noscript>The charts need JavaScript.</noscript></div>
${events.length === 0 ? '' : renderTable({ title: 'Events', head: ['second', 'what'], rows: events.map(({ atMs, text }) => [(atMs / 1_000).toFixed(1), text]) })}
<script type="application/json" id="data">${inScript(JSON.stringify({ charts, events }))}</script>
<script>${library}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}

function renderTable({ title, head, rows }: ReportTable): string {
  const cells = (row: readonly (string | number)[], tag: string) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(String(cell))}</${tag}>`).join('')}</tr>`;
  return `<h2>${escapeHtml(title)}</h2>
<div class="wide"><table><thead>${cells(head, 'th')}</thead><tbody>${rows.map((row) => cells(row, 'td')).join('')}</tbody></table></div>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for HTML, in elements and in attributes. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** Escapes JSON for a script element, which ends at the first `</script` or is confused by `<!--`. */
function inScript(json: string): string {
  return json.replaceAll('<', '\\u003c');
}
