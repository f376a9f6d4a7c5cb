import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
/** Runs a full collection of V8, in a process that was not started with `--expose-gc`. */
export const collectGarbage: () => void = runInNewContext('gc');
