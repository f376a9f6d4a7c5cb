import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DiscoveryLog, entriesOf, entryCount, logUnitBytes } from '../../lib/discovery/log.js';
import { discover, type WithService } from '../../lib/discovery/read-log.js';
import { parseTransportId, type TransportId } from '../../lib/options/transport-id.js';
import { discoveryLog as logOf, type WrittenEntry } from '../../lib/testing/discovery-log.js';
import { expectCode } from './coded.js';

const service = (traddr: string): TransportId =>
  parseTransportId({
    trtype: 'TCP',
    adrfam: 'IPv4',
    traddr,
    trsvcid: '4420',
    subnqn: 'nqn.2014-08.org.nvmexpress.discovery',
  });

const referralTo = (traddr: string): WrittenEntry => ({
  subtype: 1,
  traddr,
  subnqn: 'nqn.2014-08.org.nvmexpress.discovery',
});

/** Services by address; each call of logPage sees the log as it is then. */
function served(logs: Record<string, () => Buffer>, asked: string[] = []): WithService {
  return (id, work) => {
    asked.push(id.traddr);
    const log = logs[id.traddr];
    if (!log) return Promise.reject(new Error(`nothing at ${id.traddr}`));
    const admin = { logPage: async (_: number, length: number) => log().subarray(0, length) };
    return work(admin as never, () => 1000);
  };
}

describe('entries of a discovery log', () => {
  it('are ready for attach', () => {
    const [entry] = entriesOf(logOf(1, [{ subnqn: 'nqn.2016-06.io.spdk:cnode1' }]));
    expect(entry).toMatchObject({
      subtype: 'nvm',
      transport: 'tcp',
      address: '192.0.2.1',
      service: '4420',
      portId: 7,
      controllerId: 0xffff,
      secureChannel: 'not-required',
      security: 'none',
      transportId: {
        trtype: 'TCP',
        adrfam: 'IPv4',
        traddr: '192.0.2.1',
        subnqn: 'nqn.2016-06.io.spdk:cnode1',
      },
    });
  });

  it('say what a port of RDMA is made of, and whether flow control can be turned off', () => {
    const log = logOf(1, [{ trtype: 1, treq: 4 }, {}]);
    // TSAS: connected, RoCE v2, RDMA CM, partition key 7.
    log.set([1, 4, 1, 0, 0, 0, 0, 0, 7], logUnitBytes + 768);
    const [rdma, tcp] = entriesOf(log);
    expect(rdma).toMatchObject({
      secureChannel: 'not-specified',
      disablesSqFlowControl: true,
      security: null,
      rdma: {
        queuePairType: 'connected',
        provider: 'roce-v2',
        connectionManagement: 'rdma-cm',
        partitionKey: 7,
      },
    });
    expect(tcp).toMatchObject({ disablesSqFlowControl: false, rdma: null });
  });

  it('of transports and texts that make no sense have no transport id', () => {
    const entries = entriesOf(
      logOf(1, [
        { trtype: 2 },
        { trtype: 99 },
        { adrfam: 4 },
        { traddr: 'not an address' },
        { subnqn: '\x01' },
      ]),
    );
    expect(entries.map(({ transportId }) => transportId)).toEqual([null, null, null, null, null]);
    expect(entries.map(({ transport }) => transport)).toEqual(['fc', 'unknown', 'tcp', 'tcp', 'tcp']);
  });

  it('are read whatever a target writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: logUnitBytes, maxLength: logUnitBytes }), (bytes) => {
        const log = Buffer.concat([logOf(1, []), Buffer.from(bytes)]);
        log.writeBigUInt64LE(1n, 8);
        expect(entriesOf(log)).toHaveLength(1);
      }),
    );
  });

  it('are not believed to be without number', () => {
    const header = Buffer.alloc(logUnitBytes);
    header.writeBigUInt64LE(2n ** 40n, 8);
    expectCode(() => entryCount(header), 'ERR_SPDK_INVALID_DISCOVERY_LOG');
  });
});

/** The environment is not closed. */
const open = () => false;

describe('discover', () => {
  it('ends with its environment while it reads what the log refers to', async () => {
    const referral = { subtype: 1, traddr: '192.0.2.2', subnqn: 'nqn.2014-08.org.nvmexpress.discovery' };
    let closed = false;
    const logs = {
      '192.0.2.1': () => logOf(1, [referral]),
      '192.0.2.2': () => {
        closed = true;
        throw new Error('the connection is gone');
      },
    };
    const reading = discover(service('192.0.2.1'), 1, undefined, served(logs), () => closed);
    await expect(reading).rejects.toThrow('the connection is gone');
  });

  it('reads a thousand entries', async () => {
    const log = logOf(
      3,
      Array.from({ length: 1000 }, (_, i) => ({ subnqn: `nqn.2014-08.org:${i}` })),
    );
    const { entries, generation } = await discover(
      service('192.0.2.1'),
      0,
      undefined,
      served({ '192.0.2.1': () => log }),
      open,
    );
    expect(entries).toHaveLength(1000);
    expect(entries[999]?.subsystemNqn).toBe('nqn.2014-08.org:999');
    expect(generation).toBe(3n);
  });

  it('reads a log again that changed meanwhile', async () => {
    let reads = 0;
    const log = () =>
      logOf(
        reads,
        Array.from({ length: Math.min(++reads, 4) }, () => ({})),
      );
    const { entries } = await discover(
      service('192.0.2.1'),
      0,
      undefined,
      served({ '192.0.2.1': log }),
      open,
    );
    // From the fourth read on the number of entries stays, though the generation does not: it is read until both agree.
    expect(entries).toHaveLength(4);
  });

  it('gives up a log that never rests', async () => {
    let reads = 0;
    const log = () =>
      logOf(
        ++reads,
        Array.from({ length: reads }, () => ({})),
      );
    const never = discover(service('192.0.2.1'), 0, undefined, served({ '192.0.2.1': log }), open);
    await expect(never).rejects.toMatchObject({ code: 'ERR_SPDK_LOG_PAGE_CHANGED' });
  });

  it('follows referrals to their depth, each address once, in circles too', async () => {
    const asked: string[] = [];
    const logs = {
      '192.0.2.1': () => logOf(1, [referralTo('192.0.2.2'), {}]),
      '192.0.2.2': () => logOf(1, [referralTo('192.0.2.1'), referralTo('192.0.2.3')]),
      '192.0.2.3': () => logOf(1, [referralTo('192.0.2.2'), referralTo('192.0.2.4')]),
    };
    const log = await discover(service('192.0.2.1'), 2, undefined, served(logs, asked), open);
    expect(asked).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    const depths = (one: DiscoveryLog): unknown => [one.transportId.traddr, ...one.referrals.map(depths)];
    expect(depths(log)).toEqual(['192.0.2.1', ['192.0.2.2', ['192.0.2.3']]]);
    expect((await discover(service('192.0.2.1'), 0, undefined, served(logs), open)).referrals).toEqual([]);
  });

  it('goes on past a service that cannot be asked', async () => {
    const logs = { '192.0.2.1': () => logOf(1, [referralTo('192.0.2.9'), {}]) };
    const { failures, entries } = await discover(service('192.0.2.1'), 1, undefined, served(logs), open);
    expect(entries).toHaveLength(2);
    expect(failures).toMatchObject([
      { transportId: { traddr: '192.0.2.9' }, error: { message: 'nothing at 192.0.2.9' } },
    ]);
  });
});
