import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveAttachOptions } from '../../lib/options/attach.js';
import { hostIdentity, machineFiles, readHostFiles } from '../../lib/options/host-identity.js';
import { isUuid } from '../../lib/options/nqn.js';
import { parseTransportId } from '../../lib/options/transport-id.js';

const uuid = 'b1cc6dd6-05ba-4e39-a6a8-a5c0e54d5d13';
const otherUuid = '8f3b416d-81bd-47ac-95c5-78f60a9dd181';
const processId = '11111111-2222-4333-8444-555555555555';
const uuidNqn = (id: string) => `nqn.2014-08.org.nvmexpress:uuid:${id}`;
const named = 'nqn.2026-11.dev.spdk-nvme:host1';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'host-identity-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const files = { hostnqn: uuidNqn(uuid), hostid: otherUuid };
function write(contents: { hostnqn?: string | Buffer; hostid?: string | Buffer }): void {
  for (const [name, content] of Object.entries(contents)) fs.writeFileSync(path.join(folder, name), content);
}

describe('the files of /etc/nvme', () => {
  it('are no problem when they are missing, nor when their folder is', () => {
    expect(readHostFiles(folder)).toEqual({ problems: [] });
    expect(readHostFiles(path.join(folder, 'missing'))).toEqual({ problems: [] });
    write({ hostid: otherUuid });
    expect(readHostFiles(path.join(folder, 'hostid'))).toEqual({ problems: [] });
  });

  it('are read for a connection when they have changed since the last one, and only then', async () => {
    const read = machineFiles(folder);
    expect(read()).toEqual({ problems: [] });
    const changes = [
      () => write(files),
      () => write({ hostnqn: uuidNqn(otherUuid) }),
      () => fs.renameSync(path.join(folder, 'hostid'), path.join(folder, 'hostnqn')),
      () => fs.rmSync(folder, { recursive: true }),
      () => fs.mkdirSync(folder),
    ];
    for (const change of changes) {
      change();
      expect(read()).toEqual(readHostFiles(folder));
      // So old that each further change has another time.
      await sleep(150);
      const before = read();
      expect(read()).toBe(before);
    }
  });

  it('are read again if they have just been written, because a second change may have the same time', () => {
    const read = machineFiles(folder);
    write(files);
    const before = read();
    expect(read()).not.toBe(before);
    expect(read()).toEqual(before);
  });

  it.each([null, 5, Symbol('folder')])('are in a folder with a name, not in %s', (name) => {
    expect(() => readHostFiles(name as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_INVALID_ARG_TYPE' }),
    );
  });

  it.each([
    ['as nvme-cli writes them', '\n'],
    ['without an end of line', ''],
    ['with Windows’ ends of lines', '\r\n'],
    ['with blank lines, white space and further lines', ' \t\n\n# more\nmore\n'],
  ])('are read %s', (_, end) => {
    write({ hostnqn: files.hostnqn + end, hostid: files.hostid + end });
    expect(readHostFiles(folder)).toEqual({ nqn: files.hostnqn, id: files.hostid, problems: [] });
  });

  it('are read past comments, blank lines and a byte order mark', () => {
    write({
      hostnqn: `\ufeff# Made by the installer\n\n  ${named}  \n`,
      hostid: `#${processId}\n${otherUuid}\n`,
    });
    expect(readHostFiles(folder)).toEqual({ nqn: named, id: otherUuid, problems: [] });
  });

  it.each([
    ['upper case', otherUuid.toUpperCase()],
    ['no hyphens', otherUuid.replaceAll('-', '')],
    ['upper case and no hyphens', otherUuid.replaceAll('-', '').toUpperCase()],
  ])('may have a host identifier in %s', (_, text) => {
    write({ hostid: text });
    // Without an NQN of its own the machine is called by its identifier.
    expect(readHostFiles(folder)).toEqual({ nqn: uuidNqn(otherUuid), id: otherUuid, problems: [] });
  });

  it('count as missing when they say nothing', () => {
    write({ hostnqn: '\n# nqn.2026-11.dev.spdk-nvme:off\n', hostid: '' });
    expect(readHostFiles(folder)).toEqual({ problems: [] });
  });

  it.each([
    ['hostnqn', 'host1', /must look like/],
    ['hostnqn', 'nqn.2014-08.org.nvmexpress:uuid:1234', /must have a UUID/],
    ['hostnqn', `${named} ${named}`, /white space/],
    ['hostnqn', `nqn.2026-11.dev.spdk-nvme:${'x'.repeat(223)}`, /at most 223 bytes/],
    ['hostnqn', Buffer.from([...Buffer.from(named), 0xff]), /utf-8/],
    ['hostnqn', `${named}\n`.repeat(200), /longer than 4096 bytes/],
    ['hostid', 'host1', /no UUID/],
    ['hostid', `{${otherUuid}}`, /no UUID/],
    ['hostid', '00000000-0000-0000-0000-000000000000', /no UUID, or one of zeroes/],
    ['hostid', otherUuid.slice(1), /no UUID/],
  ])('are passed over with a reason when they make no sense: %s %#', (name, content, reason) => {
    write({ ...files, [name]: content });
    const { problems, nqn, id } = readHostFiles(folder);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(reason);
    expect(problems[0]).toContain(path.join(folder, name));
    expect({ nqn, id }).toEqual(
      name === 'hostnqn' ? { nqn: uuidNqn(otherUuid), id: otherUuid } : { nqn: files.hostnqn, id: undefined },
    );
  });

  it('are passed over when they are no ordinary files, without waiting', () => {
    fs.mkdirSync(path.join(folder, 'hostnqn'));
    // No process ever writes to this FIFO.
    execFileSync('mkfifo', [path.join(folder, 'hostid')]);
    const begun = performance.now();
    const { problems } = readHostFiles(folder);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(problems).toHaveLength(2);
    for (const problem of problems) expect(problem).toMatch(/not a regular file/);
  });
});

describe('the identity to connect with', () => {
  const id = parseTransportId('trtype:TCP traddr:10.0.0.1 subnqn:nqn.2016-06.io.spdk:cnode1');
  const machine = { nqn: files.hostnqn, id: files.hostid };
  /** As `env.attach` goes about it. */
  const identity = (options: object, own: { nqn?: string; id?: string } = machine) =>
    hostIdentity(resolveAttachOptions(options, id, own), own, processId);

  it('is the machine’s', () => {
    expect(identity({})).toEqual({ nqn: files.hostnqn, id: files.hostid });
  });

  it('is the machine’s NQN with the identifier in it, where there is no other', () => {
    expect(identity({}, { nqn: uuidNqn(uuid) })).toEqual({ nqn: uuidNqn(uuid), id: uuid });
  });

  it('is the process’s on a machine without one', () => {
    expect(identity({}, {})).toEqual({ nqn: uuidNqn(processId), id: processId });
  });

  it('is what was asked for', () => {
    const wanted = { hostNqn: named, hostId: processId };
    expect(identity(wanted)).toEqual({ nqn: named, id: processId });
    expect(identity({ hostId: processId })).toEqual({ nqn: files.hostnqn, id: processId });
    // Even where something else goes with the machine's NQN.
    expect(identity({ hostNqn: files.hostnqn, hostId: uuid })).toEqual({ nqn: files.hostnqn, id: uuid });
  });

  it('pairs the machine’s identifier with the machine’s NQN only', () => {
    expect(identity({ hostNqn: files.hostnqn }).id).toBe(files.hostid);
    expect(identity({ hostNqn: uuidNqn(processId) }).id).toBe(processId);
    expect(identity({ hostNqn: named }).id).not.toBe(files.hostid);
  });

  it('has an identifier made from the NQN, always the same, another for each', () => {
    const made = identity({ hostNqn: named }).id;
    expect(isUuid(made)).toBe(true);
    expect(made[14]).toBe('5');
    expect(identity({ hostNqn: named }, {}).id).toBe(made);
    expect(identity({}, { nqn: named }).id).toBe(made);
    expect(identity({ hostNqn: `${named}0` }).id).not.toBe(made);
    // As Python's uuid.uuid5(uuid.NAMESPACE_URL, ...) has it.
    expect(made).toBe('c830cc86-ed99-5426-8879-93ab9e163e7d');
  });

  it('takes no identifier of zeroes from the machine’s NQN', () => {
    const nil = uuidNqn('00000000-0000-0000-0000-000000000000');
    expect(identity({}, { nqn: nil }).id).not.toMatch(/^[0-]+$/);
  });
});
