// The options of each call: their defaults, ranges and conflicts. Longer than other files: a list of short cases for each call.

import { describe, expect, it } from 'vitest';
import { resolveAttachOptions } from '../../lib/options/attach.js';
import { resolveDetachOptions } from '../../lib/options/detach.js';
import { resolveCloseOptions, resolveEnvironmentOptions } from '../../lib/options/environment.js';
import { parseTransportId } from '../../lib/options/transport-id.js';
import { expectCode, thrownBy } from './coded.js';
import { attach, resolvers, revoked } from './resolvers.js';

const uuid = '11111111-aaaa-3333-4444-555555555555';

describe('defaults', () => {
  it('are filled in', () => {
    expect(resolveEnvironmentOptions()).toEqual({
      name: 'spdk-nvme',
      pollers: 1,
      memoryMb: 256,
      idle: 'adaptive',
      idleSleepUs: 100_000,
      log: 'event',
      logLevel: 'notice',
      connectConcurrency: 4,
    });
    expect(attach()).toEqual({
      hostNqn: undefined,
      hostId: undefined,
      ioQueues: 1,
      queueDepth: 128,
      maxWaiting: 16384,
      polling: 'adaptive',
      keepAliveMs: 10_000,
      timeoutMs: 5_000,
      signal: undefined,
      onTimeout: 'none',
      ctrlrLossTimeoutMs: 0,
      reconnectDelayMs: 0,
      fastIoFailTimeoutMs: 0,
      stopOnRejection: false,
      sourceAddress: undefined,
      sourcePort: undefined,
      headerDigest: false,
      dataDigest: false,
      transportAckTimeout: undefined,
      transportRetryCount: undefined,
      tos: undefined,
      dhchap: undefined,
      tls: undefined,
    });
    expect(resolveDetachOptions()).toEqual({ drainMs: 1_000, timeoutMs: 5_000 });
    expect(resolveCloseOptions()).toEqual({ timeoutMs: 5_000 });
  });

  it.each(Object.entries(resolvers))(
    'of %s options come with a frozen object that is not the caller’s',
    (_, resolve) => {
      const given = Object.freeze({});
      const resolved = resolve(given);
      expect(resolved).not.toBe(given);
      expect(Object.isFrozen(resolved)).toBe(true);
      expect(resolve(Object.fromEntries(Object.keys(resolved).map((key) => [key, undefined])))).toEqual(
        resolved,
      );
      expect(resolve(resolved)).toEqual(resolved);
    },
  );
});

describe('numbers', () => {
  it.each([
    ['environment', 'pollers', 1, 64],
    ['environment', 'memoryMb', 64, 1_048_576],
    ['environment', 'idleSleepUs', 1, 100_000],
    ['environment', 'connectConcurrency', 1, 64],
    ['attach', 'ioQueues', 1, 1_024],
    ['attach', 'queueDepth', 2, 32_768],
    ['attach', 'keepAliveMs', 0, 3_600_000],
    ['attach', 'timeoutMs', 1, 2_147_483_647],
    ['detach', 'timeoutMs', 1, 2_147_483_647],
    ['close', 'timeoutMs', 1, 2_147_483_647],
    ['reset', 'timeoutMs', 1, 2_147_483_647],
  ] as const)('%s %s goes from %d to %d', (kind, key, min, max) => {
    const resolve: (options: unknown) => object = resolvers[kind];
    for (const value of [min, max]) expect(resolve({ [key]: value })).toHaveProperty(key, value);
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, Number.POSITIVE_INFINITY, -1, 2 ** 53]) {
      expectCode(
        () => resolve({ [key]: value }),
        'ERR_SPDK_INVALID_ARG_VALUE',
        new RegExp(`^${key} must be .* from ${min} to ${max}; got ${value}$`),
      );
    }
    for (const value of [String(min), BigInt(min), null, true, {}, [min], () => min, Symbol('x')]) {
      expectCode(() => resolve({ [key]: value }), 'ERR_SPDK_INVALID_ARG_TYPE', /must be a number; got /);
    }
  });

  it('has no negative zero', () => {
    expect(Object.is(attach({ keepAliveMs: -0 }).keepAliveMs, 0)).toBe(true);
  });

  it('rejects keep-alive timeouts that targets round to nothing', () => {
    expect(attach({ keepAliveMs: 1_000 }).keepAliveMs).toBe(1_000);
    for (const keepAliveMs of [1, 999]) {
      expectCode(() => attach({ keepAliveMs }), 'ERR_SPDK_INVALID_ARG_VALUE', /0 \(off\) or from 1000/);
    }
  });
});

describe('what is for one transport', () => {
  const rdma = parseTransportId(
    'trtype:RDMA adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420 subnqn:nqn.2026-01.io.spdk:one',
  );
  const tcp = parseTransportId(
    'trtype:TCP adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420 subnqn:nqn.2026-01.io.spdk:one',
  );

  it.each([
    [rdma, { headerDigest: true }],
    [rdma, { dataDigest: true }],
    [tcp, { transportRetryCount: 3 }],
    [tcp, { tos: 8 }],
  ])('is a conflict with the other: %#', (id, options) => {
    const [name = ''] = Object.keys(options);
    expectCode(
      () => resolveAttachOptions(options, id),
      'ERR_SPDK_CONFLICTING_OPTIONS',
      new RegExp(`^${name} has no`),
    );
  });

  it('is passed on otherwise', () => {
    const digests = { headerDigest: true, dataDigest: true, transportAckTimeout: 10 };
    expect(resolveAttachOptions(digests, tcp)).toMatchObject(digests);
    const counts = { transportAckTimeout: 31, transportRetryCount: 0, tos: 255, headerDigest: false };
    expect(resolveAttachOptions(counts, rdma)).toMatchObject(counts);
  });

  it.each([
    ['transportAckTimeout', [0, 32, 1.5, -1]],
    ['transportRetryCount', [-1, 8, 0.5]],
    ['tos', [0, 256, -1]],
  ])('checks %s', (name, values) => {
    for (const value of values) {
      expectCode(
        () => resolveAttachOptions({ [name]: value }, rdma),
        'ERR_SPDK_INVALID_ARG_VALUE',
        new RegExp(`^${name} must`),
      );
    }
    expectCode(() => resolveAttachOptions({ [name]: '1' }, rdma), 'ERR_SPDK_INVALID_ARG_TYPE');
  });

  it.each(['headerDigest', 'dataDigest'])('checks %s', (name) => {
    for (const value of [1, 'true', null]) {
      expectCode(() => resolveAttachOptions({ [name]: value }, tcp), 'ERR_SPDK_INVALID_ARG_TYPE');
    }
  });
});

describe('the reconnect policy', () => {
  it('has a default delay that fits its loss timeout', () => {
    expect(attach({ ctrlrLossTimeoutMs: 500 })).toMatchObject({
      reconnectDelayMs: 500,
      fastIoFailTimeoutMs: 0,
    });
    expect(attach({ ctrlrLossTimeoutMs: 30_000 })).toMatchObject({ reconnectDelayMs: 1_000 });
    expect(attach({ ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY })).toMatchObject({
      ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY,
      reconnectDelayMs: 1_000,
    });
  });

  it.each([
    [{ reconnectDelayMs: 100 }, 'reconnectDelayMs', 'ctrlrLossTimeoutMs'],
    [{ fastIoFailTimeoutMs: 100 }, 'fastIoFailTimeoutMs', 'ctrlrLossTimeoutMs'],
    [{ stopOnRejection: true }, 'stopOnRejection', 'ctrlrLossTimeoutMs'],
    [{ ctrlrLossTimeoutMs: 100, reconnectDelayMs: 0 }, 'ctrlrLossTimeoutMs', 'reconnectDelayMs'],
    [{ ctrlrLossTimeoutMs: 100, reconnectDelayMs: 101 }, 'ctrlrLossTimeoutMs', 'reconnectDelayMs'],
    [
      { ctrlrLossTimeoutMs: 1_000, reconnectDelayMs: 200, fastIoFailTimeoutMs: 199 },
      'fastIoFailTimeoutMs',
      'reconnectDelayMs',
    ],
    [{ ctrlrLossTimeoutMs: 1_000, fastIoFailTimeoutMs: 1_001 }, 'fastIoFailTimeoutMs', 'ctrlrLossTimeoutMs'],
  ])('rejects %j and names both', (options, one, other) => {
    const error = thrownBy(() => attach(options)) as Error & { code: string };
    expect(error.code).toBe('ERR_SPDK_CONFLICTING_OPTIONS');
    expect(error.message).toContain(one);
    expect(error.message).toContain(other);
  });

  it.each(['ctrlrLossTimeoutMs', 'reconnectDelayMs', 'fastIoFailTimeoutMs'])('checks %s', (key) => {
    for (const value of [-1, 0.5, Number.NaN, 2 ** 31]) {
      expectCode(() => attach({ [key]: value }), 'ERR_SPDK_INVALID_ARG_VALUE', new RegExp(`^${key} must be`));
    }
    expectCode(() => attach({ [key]: '1' }), 'ERR_SPDK_INVALID_ARG_TYPE');
  });
});

describe('choices', () => {
  it.each([
    ['idle', ['adaptive', 'spin']],
    ['log', ['event', 'stderr']],
    ['logLevel', ['error', 'warn', 'notice', 'info', 'debug']],
  ])('%s is one of %j', (key, choices) => {
    for (const choice of choices) {
      expect(resolveEnvironmentOptions({ [key]: choice })).toHaveProperty(key, choice);
    }
    for (const value of ['', 'Debug', 'toString', '__proto__']) {
      expectCode(
        () => resolveEnvironmentOptions({ [key]: value }),
        'ERR_SPDK_INVALID_ARG_VALUE',
        new RegExp(`'${choices[0]}' or .*; got "${value}"`),
      );
    }
    expectCode(() => resolveEnvironmentOptions({ [key]: 1 }), 'ERR_SPDK_INVALID_ARG_TYPE');
  });
});

describe('name', () => {
  it.each(['a', 'volume-agent', 'A.b_c-9', 'x'.repeat(64)])('takes %j', (name) => {
    expect(resolveEnvironmentOptions({ name }).name).toBe(name);
  });

  it.each(['', '-x', '.x', 'a b', 'a/b', '../x', 'a\0', 'a\n', 'é', 'x'.repeat(65)])('rejects %j', (name) => {
    expectCode(
      () => resolveEnvironmentOptions({ name }),
      'ERR_SPDK_INVALID_ARG_VALUE',
      /name must be 1 to 64/,
    );
  });
});

describe('host identity', () => {
  it('takes the host id from a UUID-based NQN, unless there is another', () => {
    const hostNqn = `nqn.2014-08.org.nvmexpress:uuid:${uuid.toUpperCase()}`;
    expect(attach({ hostNqn })).toMatchObject({ hostNqn, hostId: uuid });
    const other = uuid.replaceAll('1', '2');
    expect(attach({ hostNqn, hostId: other.toUpperCase() }).hostId).toBe(other);
    expect(attach({ hostNqn: 'nqn.2016-06.io.spdk:host1' }).hostId).toBeUndefined();
  });

  it('is checked', () => {
    expectCode(() => attach({ hostNqn: 'host1' }), 'ERR_SPDK_INVALID_NQN', /^hostNqn must/);
    for (const hostId of ['', 'x', uuid.slice(1), `${uuid}0`, '00000000-0000-0000-0000-000000000000']) {
      expectCode(() => attach({ hostId }), 'ERR_SPDK_INVALID_ARG_VALUE', /^hostId.* must/);
    }
    const nil = 'nqn.2014-08.org.nvmexpress:uuid:00000000-0000-0000-0000-000000000000';
    expectCode(
      () => attach({ hostNqn: nil }),
      'ERR_SPDK_INVALID_ARG_VALUE',
      /^hostId, or the UUID in hostNqn, must not/,
    );
  });
});

describe('source', () => {
  it('is an address of the target’s family, in canonical form', () => {
    expect(attach({ sourceAddress: '10.0.0.2' }).sourceAddress).toBe('10.0.0.2');
    const sixth = parseTransportId('trtype:TCP traddr:fe80::1%eth0');
    expect(resolveAttachOptions({ sourceAddress: 'FE80::2%eth0' }, sixth).sourceAddress).toBe('fe80::2%eth0');
  });

  it('may not contradict the target', () => {
    expectCode(
      () => attach({ sourceAddress: '::1' }),
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /sourceAddress ::1 is IPv6, but traddr 10\.0\.0\.1 is IPv4/,
    );
    const pcie = parseTransportId('trtype:PCIe traddr:01:00.0');
    expectCode(
      () => resolveAttachOptions({ sourceAddress: '10.0.0.2' }, pcie),
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /sourceAddress.*trtype PCIe/,
    );
    expectCode(
      () => attach({ sourcePort: 5 }),
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /sourcePort needs sourceAddress/,
    );
  });

  it('has no port of its own: a controller’s queues cannot share one', () => {
    expectCode(
      () => attach({ sourceAddress: '10.0.0.2', sourcePort: 65_535 }),
      'ERR_SPDK_UNSUPPORTED',
      /cannot share a local port/,
    );
  });

  it('is no host name and no port 0', () => {
    for (const sourceAddress of [
      'localhost',
      '224.0.0.1',
      '239.255.255.255',
      '255.255.255.255',
      'FF02::1%eth0',
    ])
      expectCode(() => attach({ sourceAddress }), 'ERR_SPDK_INVALID_ARG_VALUE', /IPv4 or IPv6/);
    expect(attach({ sourceAddress: '223.0.0.1' }).sourceAddress).toBe('223.0.0.1');
    expectCode(
      () => attach({ sourceAddress: '10.0.0.2', sourcePort: 0 }),
      'ERR_SPDK_INVALID_ARG_VALUE',
      /1 to/,
    );
  });
});

describe('signal', () => {
  it('takes an AbortSignal, one that has fired too, and one that merely behaves so', () => {
    const { signal } = new AbortController();
    const lookalike = { aborted: false, addEventListener() {}, removeEventListener() {} };
    for (const given of [signal, AbortSignal.abort(), AbortSignal.timeout(1_000), lookalike]) {
      expect(attach({ signal: given }).signal).toBe(given);
    }
  });

  it.each([
    ['null', null],
    ['a controller', new AbortController()],
    ['a boolean', true],
    ['half a signal', { aborted: false }],
    ['a function', () => {}],
    ['a revoked proxy', revoked()],
  ])('rejects %s', (_, signal) => {
    expectCode(() => attach({ signal }), 'ERR_SPDK_INVALID_ARG_TYPE', /^signal must be an AbortSignal; got /);
  });
});

describe('drainMs', () => {
  it('is part of timeoutMs', () => {
    expect(resolveDetachOptions({ drainMs: 4_500 }).drainMs).toBe(4_500);
    expect(resolveDetachOptions({ drainMs: 0 }).drainMs).toBe(0);
    expectCode(
      () => resolveDetachOptions({ drainMs: 600, timeoutMs: 500 }),
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /drainMs \(600\) must not be above timeoutMs \(500\)/,
    );
    expectCode(
      () => resolveDetachOptions({ drainMs: 5_001 }),
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /timeoutMs \(5000, its default\)/,
    );
  });

  it('leaves time to disconnect where only timeoutMs is given', () => {
    expect(resolveDetachOptions({ timeoutMs: 200 })).toEqual({ drainMs: 100, timeoutMs: 200 });
    expect(resolveDetachOptions({ timeoutMs: 1 })).toEqual({ drainMs: 0, timeoutMs: 1 });
  });

  it.each([
    [5_000, 4_500],
    [1_000, 750],
    [3, 2],
    [1, 0],
  ])('leaves time to disconnect, also where it is as long as a timeoutMs of %i', (timeoutMs, drainMs) => {
    expect(resolveDetachOptions({ drainMs: timeoutMs, timeoutMs })).toEqual({ drainMs, timeoutMs });
  });
});
