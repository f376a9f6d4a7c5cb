// Waits for two arguments, a line of JSON on its standard input; goes as far as the first one says, reports that in a line of JSON, and
// ends in the way that the second says.
import { text } from 'node:stream/consumers';
import { reach } from './steps.mjs';

const [task = '', ending] = JSON.parse(await text(process.stdin));
const { pending } = await reach(JSON.parse(task));
console.log(JSON.stringify({ at: JSON.parse(task).step }));

switch (ending) {
  case 'exit':
    process.exit(7);
    break;
  case 'throw':
    throw new Error('thrown on purpose');
  case 'hang':
    setInterval(() => {}, 60_000);
    break;
  default:
    // 'end': only pending operations keep this process alive.
    if (pending) {
      const outcome = await pending.then(
        () => 'fulfilled',
        (error) => error.code,
      );
      console.log(JSON.stringify({ outcome }));
    }
}
