/**
 * Draws the charts in the page. It runs in the browser, after uPlot, so it is text here: the compiler's helpers for
 * Node.js have no place in it.
 */
export const pageScript = `
'use strict';
(() => {
  const { charts, events } = JSON.parse(document.getElementById('data').textContent);
  const holder = document.getElementById('charts');
  const palette = ['#3b7dd8', '#d9822b', '#2f9e63', '#b24fb3', '#c23b3b', '#7a7f87'];
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = (value) => value === null ? '-' : Number(value.toPrecision(4)).toLocaleString('en');

  // A line where each event happened.
  const drawEvents = (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = color('--bad');
    ctx.globalAlpha = 0.5;
    for (const { atMs } of events) {
      const at = plot.valToPos(atMs / 1000, 'x', true);
      if (at < bbox.left || at > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };

  const fromZero = { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] };
  const optionsOf = ({ x, yLabel, yKind, shape, series }, width) => {
    const axis = { stroke: color('--text'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line') } };
    const time = x.kind === 'time';
    return {
      width,
      height: 260,
      padding: [null, 40, null, null],
      scales: { x: { time: false, distr: time ? 1 : 3 }, y: yKind === 'log' ? { distr: 3 } : fromZero },
      cursor: time ? { sync: { key: 'time' } } : {},
      axes: [
        { ...axis, label: x.label },
        { ...axis, label: yLabel, size: 70, values: (_, values) => values.map((value) => value === null ? '' : short(value)) },
      ],
      series: [
        { label: x.label, value: (_, value) => value === null ? '-' : short(value) },
        ...series.map(({ label }, index) => ({
          label,
          stroke: palette[index % palette.length],
          width: 1.5,
          spanGaps: true,
          value: (_, value) => value === null ? '-' : short(value),
          points: { show: shape === 'lines' && x.values.length < 60 },
          ...(shape === 'steps'
            ? { paths: uPlot.paths.stepped({ align: -1 }), fill: palette[index % palette.length] + '33' }
            : {}),
        })),
      ],
      hooks: time ? { draw: [drawEvents] } : {},
    };
  };

  const draw = () => {
    holder.replaceChildren();
    for (const chart of charts) {
      const title = document.createElement('h2');
      title.textContent = chart.title;
      holder.append(title);
      const data = [chart.x.values, ...chart.series.map(({ values }) => values)];
      new uPlot(optionsOf(chart, holder.clientWidth), data, holder);
    }
  };
  draw();
  dark.addEventListener('change', draw);
  let width = holder.clientWidth;
  addEventListener('resize', () => {
    if (holder.clientWidth !== width) draw();
    width = holder.clientWidth;
  });
})();
`;
