// The list of namespaces and the notes of a controller.

import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { NamespaceList } from '../../lib/namespace-list.js';

it('has no new notes where native code gives the same ids, in a list of another realm', () => {
  let ids = '[]';
  const native = { namespaces: () => [], hiddenNamespaces: () => runInNewContext(ids) };
  const list = new NamespaceList(native as never, {} as never);
  expect(list.refresh(4)).toEqual({ namespaces: false, notes: false });
  ids = '[5, 9]';
  expect(list.refresh(4)).toEqual({ namespaces: false, notes: true });
  expect(list.notes[0]?.namespaces).toEqual([5, 9]);
  expect(list.refresh(4)).toEqual({ namespaces: false, notes: false });
  ids = '[5]';
  expect(list.refresh(4).notes).toBe(true);
});
