// The line of requests that wait for room, when they go from one queue to another, as those over several paths do.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { IoRequest } from '../../../lib/io/request.js';
import { WaitingLine } from '../../../lib/io/waiting-line.js';

const newRequest = (name: string) => ({ name, line: undefined }) as unknown as IoRequest;

it('a request that has left a line for another one is not in the first', () => {
  const [one, other] = [new WaitingLine(), new WaitingLine()];
  const [first, moved, later] = ['first', 'moved', 'later'].map(newRequest) as [
    IoRequest,
    IoRequest,
    IoRequest,
  ];
  one.push(first);
  one.push(moved);
  one.remove(moved);
  other.push(moved);
  one.remove(first);
  one.push(later);
  expect(one.first).toBe(later);
  expect(one.length).toBe(1);
  expect(other.first).toBe(moved);
});

it('several lines are lists of their own, whoever joins and leaves them', () => {
  const step = fc.record({
    act: fc.constantFrom('join', 'join', 'leave', 'serve', 'empty'),
    line: fc.nat(2),
    request: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const lines = Array.from({ length: 3 }, () => new WaitingLine());
      const lists: Set<IoRequest>[] = lines.map(() => new Set());
      const requests = Array.from({ length: 6 }, (_, i) => newRequest(String(i)));
      for (const { act, ...at } of steps) {
        const line = lines[at.line] as WaitingLine;
        const list = lists[at.line] as Set<IoRequest>;
        const request = requests[at.request] as IoRequest;
        if (act === 'join' && !lists.some((one) => one.has(request))) {
          line.push(request);
          list.add(request);
        } else if (act === 'leave' && list.has(request)) {
          line.remove(request);
          list.delete(request);
        } else if (act === 'serve' && line.first) {
          list.delete(line.first);
          line.remove(line.first);
        } else if (act === 'empty') {
          expect(new Set(line.takeAll())).toEqual(list);
          list.clear();
        }
        for (const [i, one] of lines.entries()) {
          const wanted = lists[i] as Set<IoRequest>;
          expect(one.length).toBe(wanted.size);
          expect(requests.filter((r) => one.has(r)).length).toBe(wanted.size);
          if (wanted.size > 0) expect(wanted.has(one.first as IoRequest)).toBe(true);
          else expect(one.first).toBeUndefined();
        }
      }
    }),
  );
});
