// Tables on terminals of any width.

import { expect, it } from 'vitest';
import { table } from '../../cli/engine/terminal/show.js';

const head = ['controller', 'state', 'op/s'];
const rows = [
  ['nqn.2016-06.io.spdk:cnode1', 'attached', 1],
  ['nqn.2016-06.io.spdk:cnode2', 'failed', 20],
];
const drawn = table(head, rows, { stream: {} });

it.each([{}, { isTTY: true }, { isTTY: true, columns: 0 }, { isTTY: true, columns: 80 }, { columns: 40 }])(
  'a table is drawn where it has room: %o',
  (stream) => {
    expect(table(head, rows, { stream })).toBe(drawn);
    expect(drawn).toMatch(/^┌─+┬/);
  },
);

it.each([20, 40, 47])('%i columns have a listing of each row', (columns) => {
  const listed = table(head, rows, { stream: { isTTY: true, columns } }).split('\n');
  expect(listed).toEqual([
    'controller : nqn.2016-06.io.spdk:cnode1',
    'state      : attached',
    'op/s       : 1',
    '',
    'controller : nqn.2016-06.io.spdk:cnode2',
    'state      : failed',
    'op/s       : 20',
  ]);
});

it('a table without rows is its head', () => {
  expect(table(head, [], { stream: { isTTY: true, columns: 10 } })).toContain('controller');
});
