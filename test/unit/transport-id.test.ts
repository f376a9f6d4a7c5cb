import { describe, expect, it } from 'vitest';
import {
  canonicalAddress,
  checkAttachable,
  formatTransportId,
  parseTransportId,
  type TransportId,
  type TransportIdObject,
} from '../../lib/options/transport-id.js';
import { expectCode, thrownBy } from './coded.js';
import { Random } from './random.js';

const subnqn = 'nqn.2016-06.io.spdk:cnode1';
const rdma = `trtype:RDMA adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420 subnqn:${subnqn}`;

describe('parseTransportId', () => {
  it('reads what SPDK writes', () => {
    const id = parseTransportId(rdma);
    expect(id).toEqual({ trtype: 'RDMA', adrfam: 'IPv4', traddr: '10.0.0.1', trsvcid: '4420', subnqn });
    expect(Object.isFrozen(id)).toBe(true);
  });

  it('takes both separators, any case, any order and any white space', () => {
    const text = `\t SUBNQN=${subnqn}\r\n trsvcid=4420\ttraddr:10.0.0.1  TrType=rdma\nADRFAM:ipv4 `;
    expect(parseTransportId(text)).toEqual(parseTransportId(rdma));
  });

  it('takes the same as an object, the port as a number too', () => {
    const object = { trtype: 'rdma', traddr: '10.0.0.1', trsvcid: 4420, subnqn, adrfam: undefined };
    expect(parseTransportId(object)).toEqual(parseTransportId(rdma));
    expect(parseTransportId(Object.assign(Object.create(null), object))).toEqual(parseTransportId(rdma));
  });

  it('infers the family, and the port of NVMe-oF', () => {
    expect(parseTransportId('trtype:TCP traddr:::1')).toEqual({
      trtype: 'TCP',
      adrfam: 'IPv6',
      traddr: '::1',
      trsvcid: '4420',
    });
  });

  it('leaves out what was not given', () => {
    expect(Object.keys(parseTransportId('trtype:PCIe traddr:0000:01:00.0'))).toEqual(['trtype', 'traddr']);
    expect('subnqn' in parseTransportId('trtype:TCP traddr:10.0.0.1')).toBe(false);
  });

  it.each([
    ['0:0:0:0:0:0:0:1', '::1'],
    ['FE80::A%eth0', 'fe80::a%eth0'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['::ffff:10.0.0.1%eth0', '::ffff:10.0.0.1%eth0'],
    ['::ffff:0:a00:1', '::ffff:0:a00:1'],
  ])('writes the IPv6 address %s as %s', (given, canonical) => {
    expect(parseTransportId(`trtype:RDMA traddr:${given}`).traddr).toBe(canonical);
  });

  it.each([
    '::ffff:10.0.0.1',
    '::FFFF:A00:1',
    '0:0:0:0:0:ffff:0a00:0001',
    '::ffff:10.0.0.1 adrfam:IPv6',
    '::ffff:10.0.0.1 adrfam:IPv4',
  ])('takes %s for the IPv4 address that it stands for', (given) => {
    expect(parseTransportId(`trtype:TCP traddr:${given}`)).toEqual(
      parseTransportId('trtype:TCP traddr:10.0.0.1'),
    );
  });

  it.each([
    ['0000:01:00.0', '0000:01:00.0'],
    ['1:0.7', '0000:01:00.7'],
    ['0000.af.1F.3', '0000:af:1f:3'.replace(/:3$/, '.3')],
    ['10000:E1:00.0', '10000:e1:00.0'],
  ])('writes the PCI device %s as %s', (given, canonical) => {
    expect(parseTransportId(`trtype:PCIe traddr:${given}`).traddr).toBe(canonical);
  });

  it.each([
    ['', /no trtype/],
    ['   ', /no trtype/],
    ['trtype:RDMA', /no traddr/],
    ['traddr:10.0.0.1', /no trtype/],
    ['RDMA', /"RDMA" instead of key:value/],
    [':RDMA', /key:value/],
    ['trtype: RDMA', /no value after "trtype:"/],
    ['trtype :RDMA', /"trtype" instead of key:value/],
    ['trtype:RDMA trtype:TCP', /trtype twice/],
    ['trtype:RDMA TRTYPE:RDMA', /trtype twice/],
    ['trtype:FC traddr:10.0.0.1', /RDMA, TCP or PCIe.*"FC"/],
    ['trtype:RDMA tradr:10.0.0.1', /unknown key "tradr"; did you mean 'traddr'/],
    ['trtype:RDMA traddr:10.0.0.1 hostaddr:10.0.0.2', /sourceAddress/],
    ['trtype:RDMA traddr:10.0.0.1 constructor:x', /unknown key "constructor"; the keys are/],
    ['trtype:RDMA traddr:10.0.0.1 __proto__:x', /unknown key/],
    ['trtype:RDMA traddr:localhost', /resolve host names first/],
    ['trtype:RDMA traddr:[::1]', /without brackets/],
    ['trtype:RDMA traddr:10.0.0.256', /IPv4 or IPv6 address/],
    ['trtype:RDMA traddr:010.0.0.1', /IPv4 or IPv6 address/],
    ['trtype:RDMA adrfam:IPv6 traddr:10.0.0.1', /adrfam IPv6, but traddr 10\.0\.0\.1 is IPv4/],
    ['trtype:RDMA adrfam:IPv4 traddr:::1', /adrfam IPv4, but traddr ::1 is IPv6/],
    ['trtype:RDMA adrfam:IB traddr:10.0.0.1', /IPv4 or IPv6 as adrfam/],
    ['trtype:RDMA traddr:10.0.0.1 trsvcid:0', /1 to 65535/],
    ['trtype:RDMA traddr:10.0.0.1 trsvcid:65536', /1 to 65535/],
    ['trtype:RDMA traddr:10.0.0.1 trsvcid:-1', /1 to 65535/],
    ['trtype:RDMA traddr:10.0.0.1 trsvcid:0x1144', /1 to 65535/],
    ['trtype:RDMA traddr:10.0.0.1 trsvcid:nvme', /1 to 65535/],
    [`trtype:RDMA traddr:10.0.0.1 trsvcid:${'0'.repeat(40)}4420`, /1 to 65535/],
    ['trtype:PCIe', /no traddr/],
    ['trtype:PCIe traddr:0000:01:00', /PCI device like/],
    ['trtype:PCIe traddr:0000:01:20.0', /PCI device like/],
    ['trtype:PCIe traddr:0000:01:00.8', /PCI device like/],
    ['trtype:PCIe traddr:10.0.0.1 trsvcid:4420', /trsvcid, which PCIe does not have/],
    [`trtype:PCIe traddr:0000:01:00.0 subnqn:${subnqn}`, /subnqn, which PCIe/],
    ['trtype:RDMA traddr:10.0.0.1\0', /IPv4 or IPv6/],
    ['trtype:RDMA traddr:10.0.0.1\u00a0trsvcid:4420', /IPv4 or IPv6/],
    ['x'.repeat(1025), /at most 1024 characters/],
  ])('rejects %j', (text, message) => {
    expectCode(() => parseTransportId(text), 'ERR_SPDK_INVALID_TRANSPORT_ID', message);
  });

  it('says so by its own code if it is the NQN that is malformed', () => {
    expectCode(
      () => parseTransportId(`${rdma}${'x'.repeat(223)}`),
      'ERR_SPDK_INVALID_NQN',
      /subnqn.*223 bytes/,
    );
  });

  it.each([
    [{ trtype: 'RDMA', traddr: '10.0.0.1', port: 4420 }, /unknown key "port"/i],
    [{ trtype: 'RDMA', traddr: '10.0.0.1', TRSVCID: '4420' }, /did you mean 'trsvcid'/],
    [{ trtype: 'RDMA', traddr: '10.0.0.1', trsvcid: 4420.5 }, /1 to 65535/],
    [{ trtype: 'RDMA', traddr: '10.0.0.1', trsvcid: Number.NaN }, /1 to 65535/],
    [{ trtype: 'RDMA', traddr: '10.0.0.1 trsvcid:1' }, /IPv4 or IPv6/],
    [{}, /no trtype/],
  ])('rejects the object %j', (object, message) => {
    expectCode(
      () => parseTransportId(object as unknown as TransportIdObject),
      'ERR_SPDK_INVALID_TRANSPORT_ID',
      message,
    );
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an array', [rdma]],
    ['a function', () => rdma],
    ['a class instance', new URL('nvme://x')],
    ['a Map', new Map([['trtype', 'RDMA']])],
    ['a number as traddr', { trtype: 'RDMA', traddr: 5 }],
    ['null as subnqn', { trtype: 'RDMA', traddr: '10.0.0.1', subnqn: null }],
    ['a boolean as trsvcid', { trtype: 'RDMA', traddr: '10.0.0.1', trsvcid: true }],
  ])('rejects %s for its type', (_, value) => {
    expectCode(() => parseTransportId(value as unknown as string), 'ERR_SPDK_INVALID_ARG_TYPE');
  });

  it('takes time in proportion to input that is huge', () => {
    const huge = 'a:'.repeat(5_000_000);
    const started = performance.now();
    for (const call of [
      () => parseTransportId(huge),
      () => parseTransportId({ trtype: huge, traddr: '10.0.0.1' }),
      () => parseTransportId({ trtype: 'RDMA', traddr: huge }),
      () => parseTransportId({ trtype: 'PCIe', traddr: huge }),
      () => parseTransportId({ trtype: 'RDMA', traddr: '::1', trsvcid: huge }),
      () => parseTransportId({ trtype: 'RDMA', traddr: '::1', subnqn: huge }),
      () => parseTransportId({ [huge]: 1 } as unknown as TransportIdObject),
    ]) {
      expect(thrownBy(call).message.length).toBeLessThan(300);
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('throws nothing but its own errors for random text', () => {
    const random = new Random(0x5bd1e995);
    const words = [
      'trtype',
      'traddr',
      'adrfam',
      'trsvcid',
      'subnqn',
      'RDMA',
      'tcp',
      'PCIe',
      'IPv6',
      '10.0.0.1',
    ];
    const parts = [
      ...words,
      ...words,
      ':',
      ':',
      ':',
      '=',
      ' ',
      ' ',
      ' ',
      '::1',
      '%',
      '4420',
      '\0',
      '💾',
      subnqn,
    ];
    const codes = new Set<string>();
    for (let round = 0; round < 10_000; round++) {
      const text = random.text(parts, random.below(24));
      try {
        parseTransportId(text);
        codes.add('taken');
      } catch {
        codes.add(thrownBy(() => parseTransportId(text)).code);
      }
    }
    codes.delete('taken');
    codes.delete('ERR_SPDK_INVALID_NQN');
    expect([...codes]).toEqual(['ERR_SPDK_INVALID_TRANSPORT_ID']);
  });
});

describe('formatTransportId', () => {
  it('quotes nothing into a message that a terminal would act on', () => {
    const error = thrownBy(() => parseTransportId('\u007f\u009b31m\u202e\u2028\u{e0001}'));
    expect(error.message).toContain(String.raw`"\u007f\u009b31m\u202e\u2028\u{e0001}"`);
  });

  it('is canonical: whatever way a controller was written, the text is the same', () => {
    expect(formatTransportId(parseTransportId(rdma))).toBe(rdma);
    expect(formatTransportId({ trtype: 'rdma', traddr: '10.0.0.1', trsvcid: 4420, subnqn })).toBe(rdma);
    expect(formatTransportId({ trtype: 'pcie', traddr: 'af:0.0' })).toBe('trtype:PCIe traddr:0000:af:00.0');
  });

  it('rejects what is no transport id', () => {
    expectCode(() => formatTransportId({ trtype: 'RDMA', traddr: 'x y' }), 'ERR_SPDK_INVALID_TRANSPORT_ID');
  });

  it('is undone by parseTransportId, for random transport ids', () => {
    const random = new Random(20_160_6);
    for (let round = 0; round < 5_000; round++) {
      const id = parseTransportId(randomTransportId(random));
      expect(parseTransportId(formatTransportId(id))).toEqual(id);
      expect(parseTransportId(id)).toEqual(id);
    }
  });
});

describe('checkAttachable', () => {
  it('wants a subsystem on fabrics', () => {
    const id = parseTransportId('trtype:TCP traddr:10.0.0.1');
    expectCode(() => checkAttachable(id), 'ERR_SPDK_INVALID_TRANSPORT_ID', /has no subnqn; add/);
  });

  it('passes whole ids on', () => {
    for (const text of [rdma, 'trtype:PCIe traddr:01:00.0']) {
      const id: TransportId = parseTransportId(text);
      expect(checkAttachable(id)).toBe(id);
    }
  });
});

describe('canonicalAddress', () => {
  it('knows addresses from other text', () => {
    expect(canonicalAddress('10.0.0.1')).toEqual({ address: '10.0.0.1', family: 'IPv4' });
    expect(canonicalAddress('::0:1')).toEqual({ address: '::1', family: 'IPv6' });
    for (const text of ['', 'localhost', '10.0.0', '::1%', '1'.repeat(1_000_000)]) {
      expect(canonicalAddress(text), text.slice(0, 20)).toBeUndefined();
    }
  });
});

function randomTransportId(random: Random): TransportIdObject {
  const hex = (bound: number) => random.below(bound).toString(16);
  if (random.below(4) === 0) {
    return { trtype: 'PCIe', traddr: `${hex(65_536)}:${hex(256)}:${hex(32)}.${random.below(8)}` };
  }
  const groups = Array.from({ length: 8 }, () => (random.below(3) ? '0' : hex(65_536)));
  const zone = random.below(2) ? '' : `%${random.pick(['eth0', '2', 'br-lan', 'vlan.7'])}`;
  const traddr = random.below(2)
    ? Array.from({ length: 4 }, () => random.below(256)).join('.')
    : groups.join(':') + zone;
  const name = random.text(['a', '7', ':', '=', '-', 'é', '€', '💾'], random.below(40));
  return {
    trtype: random.pick(['RDMA', 'tcp']),
    traddr,
    trsvcid: random.pick([undefined, '4420', '04420', 1, 65_535]),
    subnqn: random.pick([undefined, `nqn.2016-06.io.spdk:${name}`]),
  };
}
