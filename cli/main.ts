#!/usr/bin/env node
// The package's command line: `npx spdk-nvme VERB`.
import { run } from './program.js';

process.exitCode = await run(process.argv.slice(2));
