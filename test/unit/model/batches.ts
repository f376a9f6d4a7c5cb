import { SpdkError } from '../../../lib/index.js';
import type { OpenBatch, World } from './world.js';

/** Calls something that may reject what is wrong, with an error of the package's. Undefined then. */
export function attempt<Value>(world: World, call: () => Value): Value | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof SpdkError)) world.problem(`threw ${error}`);
    return undefined;
  }
}

/** Each command that a batch has accepted has its tag there once. */
export function taken(world: World, { batch, commands }: OpenBatch, count: number): void {
  for (let i = 0; i < count; i++) {
    const tag = batch.tags[i] as number;
    const command = commands.get(tag);
    commands.delete(tag);
    if (command) command.end(batch.statuses[i] as number);
    else world.problem(`a batch gave the tag ${tag}, which it does not have`);
  }
}

export function submitBatch(world: World, { batch, commands }: OpenBatch): void {
  attempt(world, () => {
    batch.submit();
    for (const command of commands.values()) command.sent = true;
  });
}

/** All commands that were sent have completed, unless the batch was closed or its controller is wedged. */
export function finishBatch(world: World, open: OpenBatch): void {
  if (open.closed || open.attached.wedged) return;
  for (let count = 1; count > 0; ) {
    count = attempt(world, () => open.batch.reap()) ?? 0;
    taken(world, open, count);
  }
  const lost = [...open.commands.values()].filter(({ sent }) => sent).length;
  if (lost > 0) world.problem(`a batch has lost ${lost} commands`);
}
