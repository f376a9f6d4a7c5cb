// The functions that read options, for tests of all of them.

import { resolveAttachOptions } from '../../lib/options/attach.js';
import { resolveDetachOptions } from '../../lib/options/detach.js';
import { resolveCloseOptions, resolveEnvironmentOptions } from '../../lib/options/environment.js';
import { resolveResetOptions } from '../../lib/options/reset.js';
import { parseTransportId } from '../../lib/options/transport-id.js';

const target = parseTransportId('trtype:RDMA traddr:10.0.0.1 subnqn:nqn.2016-06.io.spdk:cnode1');
export const attach = (options?: unknown) => resolveAttachOptions(options, target);

/** Every resolver by the name of the options it reads. */
export const resolvers = {
  environment: resolveEnvironmentOptions,
  attach,
  detach: resolveDetachOptions,
  close: resolveCloseOptions,
  reset: resolveResetOptions,
} as const;

/** A proxy that throws for every use. */
export function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
