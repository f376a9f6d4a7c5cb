// Opens an environment in a process that may only run on the CPU of its argument, and closes it.

import { controlGroup } from '../../integration/children/control-groups.mjs';

controlGroup('cpuset', { 'cpuset.cpus': process.argv[2] ?? '0', 'cpuset.mems': '0' });
await import('./opens.mjs');
