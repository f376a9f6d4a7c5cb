import { type Environment, exportStats } from 'spdk-nvme';

/** Does some work while `spdk-nvme top` can watch it. Where that is not possible, the work is done all the same. */
export async function whileExported<Result>(
  environment: Environment,
  verb: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const exported = await exportStats(environment, { name: `spdk-nvme ${verb}` }).catch(() => undefined);
  try {
    return await work();
  } finally {
    exported?.close();
  }
}
