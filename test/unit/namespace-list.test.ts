// The list of namespaces and the notes of a controller.

import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { NamespaceList } from '../../lib/namespace-list.js';

it('has no new notes where native code gives the same ids, in a list of another realm', () => {
  let ids = '[]';
  const native = { namespaces: () => [], hiddenNamespaces: () => runInNewContext(ids) };
  const list = new NamespaceList(native as never, {} as never, 4);
  expect(list.refresh(4)).toEqual({ namespaces: false, notes: false });
  ids = '[5, 9]';
  expect(list.refresh(4)).toEqual({ namespaces: false, notes: true });
  expect(list.notes[0]?.namespaces).toEqual([5, 9]);
  expect(list.refresh(4)).toEqual({ namespaces: false, notes: false });
  ids = '[5]';
  expect(list.refresh(4).notes).toBe(true);
});

it('lacks namespaces with smaller blocks than there are, and notes them, until they are in order', () => {
  let blockSize = 1;
  const native = { namespaces: () => [{ id: 3, blocks: 8, blockSize }], hiddenNamespaces: () => [] };
  const list = new NamespaceList(native as never, {} as never, 4);
  expect(list.all).toEqual([]);
  expect(list.notes).toMatchObject([{ id: 'BLOCKS_TOO_SMALL', namespaces: [3] }]);
  expect(list.refresh(4)).toEqual({ namespaces: false, notes: false });
  blockSize = 512;
  expect(list.refresh(4)).toEqual({ namespaces: true, notes: true });
  expect(list.all.map(({ id }) => id)).toEqual([3]);
  expect(list.notes).toEqual([]);
});
