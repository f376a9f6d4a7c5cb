// Opens SPDK with the options of its first argument, fails to attach, closes, and writes one line of its own.
import { spdk } from './steps.mjs';

const [options = '{}', id = ''] = process.argv.slice(2);
const env = await spdk.Environment.init(JSON.parse(options));
await env.attach(id).catch(() => {});
await env.close();
console.log('done');
