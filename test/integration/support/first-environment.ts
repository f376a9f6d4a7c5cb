// SPDK keeps the memory that the first environment of a process reserves, and a later one may not ask for more: all files of a process get
// as much as the one that needs most.

import { Environment } from '../../../lib/index.js';

await (await Environment.init({ memoryMb: 192 })).close();
