// The queue of requests that wait for room, when they go from one queue to another, as those over several paths do.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { IoRequest } from '../../../lib/io/request.js';
import { WaitQueue } from '../../../lib/io/wait-queue.js';

const newRequest = (name: string) => ({ name, waitsIn: undefined }) as unknown as IoRequest;

it('a request that has left a queue for another one is not in the first', () => {
  const [one, other] = [new WaitQueue(), new WaitQueue()];
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

function agrees(queue: WaitQueue, wanted: Set<IoRequest>, requests: readonly IoRequest[]): boolean {
  const { first } = queue;
  const isFirstRight = wanted.size > 0 ? first !== undefined && wanted.has(first) : first === undefined;
  return (
    isFirstRight &&
    queue.length === wanted.size &&
    requests.filter((request) => queue.has(request)).length === wanted.size
  );
}

it('several queues are lists of their own, whichever requests join and leave', () => {
  const step = fc.record({
    act: fc.constantFrom('join', 'join', 'leave', 'serve', 'empty'),
    queue: fc.nat(2),
    request: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const queues = Array.from({ length: 3 }, () => new WaitQueue());
      const lists: Set<IoRequest>[] = queues.map(() => new Set());
      const requests = Array.from({ length: 6 }, (_, i) => newRequest(String(i)));
      for (const { act, ...at } of steps) {
        const queue = queues[at.queue] as WaitQueue;
        const list = lists[at.queue] as Set<IoRequest>;
        const request = requests[at.request] as IoRequest;
        if (act === 'join' && !lists.some((one) => one.has(request))) {
          queue.push(request);
          list.add(request);
        } else if (act === 'leave' && list.has(request)) {
          queue.remove(request);
          list.delete(request);
        } else if (act === 'serve' && queue.first) {
          list.delete(queue.first);
          queue.remove(queue.first);
        } else if (act === 'empty') {
          expect(new Set(queue.removeAll())).toEqual(list);
          list.clear();
        }
        // One check for all: thousands of them take seconds.
        expect(queues.every((one, i) => agrees(one, lists[i] as Set<IoRequest>, requests))).toBe(true);
      }
    }),
  );
});
