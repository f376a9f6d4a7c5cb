import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { getSystemErrorName, inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  abortError,
  codedError,
  errorCatalogue,
  SpdkError,
  SpdkTypeError,
} from '../../lib/errors/spdk-error.js';

const root = path.join(import.meta.dirname, '../..');

describe('errorCatalogue', () => {
  it.each(Object.entries(errorCatalogue))(
    '%s has one sentence of meaning and one of remedy',
    (code, entry) => {
      expect(code).toMatch(/^ERR_SPDK_[A-Z]+(_[A-Z]+)*$/);
      for (const sentence of [entry.meaning, entry.remedy]) {
        expect(sentence).toMatch(/^[A-Z].*\.$/);
        expect(sentence.match(/\. [A-Z]/g), 'one sentence').toBeNull();
      }
    },
  );

  it('cannot be changed by whoever imports it', () => {
    expect(Object.isFrozen(errorCatalogue)).toBe(true);
    expect(Object.values(errorCatalogue).every(Object.isFrozen)).toBe(true);
  });

  /** The text of every source file of some folders, by its name. */
  function sources(...folders: string[]): Map<string, string> {
    const texts = new Map<string, string>();
    for (const folder of folders) {
      for (const entry of readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(ts|cc|h)$/.test(entry.name)) continue;
        const file = path.join(entry.parentPath, entry.name);
        texts.set(path.relative(root, file), readFileSync(file, 'utf8'));
      }
    }
    return texts;
  }

  it('has every code that the sources mention', () => {
    const mentioned = new Map<string, string>();
    for (const [file, text] of sources('lib', 'native', 'test')) {
      for (const [code] of text.matchAll(/\bERR_SPDK_[A-Z_]*[A-Z]\b/g)) mentioned.set(code, file);
    }
    mentioned.delete('ERR_SPDK_NO_SUCH_CODE'); // this file's own, below
    const unknown = [...mentioned].filter(([code]) => !Object.hasOwn(errorCatalogue, code));
    expect(unknown).toEqual([]);
  });

  it('has no code that nothing produces', () => {
    const produced = new Set<string>();
    for (const [file, text] of sources('lib', 'native')) {
      if (file === 'lib/errors/catalogue.ts') continue;
      const code = text.replaceAll(/\/\*.*?\*\/|\/\/[^\n]*/gs, '');
      for (const [, found = ''] of code.matchAll(/(?<!code === )['"](ERR_SPDK_\w+)['"]/g))
        produced.add(found);
    }
    expect(Object.keys(errorCatalogue).filter((code) => !produced.has(code))).toEqual([]);
  });
});

describe('SpdkError', () => {
  it('is an Error with a code, and shows no more than it was given', () => {
    const error = new SpdkError('ERR_SPDK_TIMEOUT', 'Attaching took over 5000 ms');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('SpdkError');
    expect(error.code).toBe('ERR_SPDK_TIMEOUT');
    expect(Object.keys(error)).toEqual(['code']);
    expect('cause' in error).toBe(false);
    expect(error.stack).toMatch(/^SpdkError: Attaching took over 5000 ms\n/);
  });

  it('keeps a cause, even one that is undefined', () => {
    const cause = new Error('lower down');
    expect(new SpdkError('ERR_SPDK_INTERNAL', 'x', { cause }).cause).toBe(cause);
    expect('cause' in new SpdkError('ERR_SPDK_ABORTED', 'x', { cause: undefined })).toBe(true);
  });

  it.each([111, -111])('turns errno %d into what util.getSystemErrorName takes', (errno) => {
    const error = new SpdkError('ERR_SPDK_UNREACHABLE', 'x', { errno });
    expect(error.errno).toBe(-111);
    expect(getSystemErrorName(error.errno ?? 0)).toBe('ECONNREFUSED');
  });

  it('takes errno 0 for none', () => {
    expect('errno' in new SpdkError('ERR_SPDK_INTERNAL', 'x', { errno: 0 })).toBe(false);
  });
});

describe('SpdkTypeError', () => {
  it('is a TypeError with a code', () => {
    const error = new SpdkTypeError('pollers must be a number');
    expect(error).toBeInstanceOf(TypeError);
    expect(error.name).toBe('SpdkTypeError');
    expect(error.code).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    expect(inspect(error)).toContain("code: 'ERR_SPDK_INVALID_ARG_TYPE'");
  });
});

describe('abortError', () => {
  it('has the name that callers test for, and the reason as its cause', () => {
    const reason = new Error('shutting down');
    const error = abortError('Attaching x', AbortSignal.abort(reason));
    expect(error.name).toBe('AbortError');
    expect(error.code).toBe('ERR_SPDK_ABORTED');
    expect(error.cause).toBe(reason);
    expect(error).toBeInstanceOf(SpdkError);
    expect(Object.keys(error)).not.toContain('name');
  });
});

describe('SpdkError.fromNative', () => {
  it('adds what to do, from the catalogue', () => {
    const error = SpdkError.fromNative({ code: 'ERR_SPDK_NO_HUGEPAGES', message: 'DPDK found no hugepage.' });
    expect(error.code).toBe('ERR_SPDK_NO_HUGEPAGES');
    expect(error.message).toBe(`DPDK found no hugepage. ${errorCatalogue.ERR_SPDK_NO_HUGEPAGES.remedy}`);
  });

  it('names the errno', () => {
    const error = SpdkError.fromNative({
      code: 'ERR_SPDK_UNREACHABLE',
      message: '10.0.0.1:4420 rejected the connection',
      errno: 111,
    });
    expect(error).toMatchObject({ errno: -111 });
    expect(error.message).toMatch(/rejected the connection \(ECONNREFUSED\)\. Check `traddr`/);
  });

  it.each([
    [126, 'ENOKEY'],
    [127, 'EKEYEXPIRED'],
    [74, 'errno 74'],
  ])('names errno %d, for which Node.js has no name, %s', (errno, name) => {
    const { message } = SpdkError.fromNative({ code: 'ERR_SPDK_UNREACHABLE', message: 'no answer', errno });
    expect(message).toMatch(`No answer (${name}). `);
  });

  it.each([
    ['the target rejected the connection', 'The target rejected the connection'],
    ['no response from 10.0.0.1: none', 'No response from 10.0.0.1: none'],
    ['memoryMb is 64, which is too little', 'memoryMb is 64, which is too little'],
    ['rxe0 is not usable', 'rxe0 is not usable'],
    ['nqn.2016-06.io.spdk:cnode1 rejected this host', 'nqn.2016-06.io.spdk:cnode1 rejected this host'],
    ['/proc is not mounted', '/proc is not mounted'],
  ])('begins %j with a capital letter, unless it begins with a name', (message, beginning) => {
    const { message: whole } = SpdkError.fromNative({ code: 'ERR_SPDK_UNREACHABLE', message });
    expect(whole.startsWith(`${beginning}. `)).toBe(true);
  });

  it('does not fail over an errno that cannot be one', () => {
    for (const errno of [Number.NaN, 1e300, 0.5]) {
      const error = SpdkError.fromNative({ code: 'ERR_SPDK_INTERNAL', message: 'x', errno });
      expect(error.code).toBe('ERR_SPDK_INTERNAL');
    }
  });

  it('names the status of a rejected Connect with the meaning it has for Fabrics commands', () => {
    const error = SpdkError.fromNative({
      code: 'ERR_SPDK_CONNECT_REJECTED',
      message: 'nqn.2016-06.io.spdk:cnode1 rejected this host',
      sct: 1,
      sc: 0x84,
      dnr: true,
    });
    expect(error).toMatchObject({
      nvmeStatus: { sct: 1, sc: 0x84, dnr: true, name: 'Connect Invalid Host' },
    });
    expect(error.message).toContain('(NVMe status Connect Invalid Host)');
  });

  it('keeps a status of 0/0, and ignores half a status', () => {
    const success = SpdkError.fromNative({ code: 'ERR_SPDK_INTERNAL', message: 'x', sct: 0, sc: 0 });
    expect(success).toMatchObject({ nvmeStatus: { sct: 0, sc: 0, dnr: false } });
    const half = SpdkError.fromNative({ code: 'ERR_SPDK_INTERNAL', message: 'x', sct: 1 });
    expect('nvmeStatus' in half).toBe(false);
  });

  it('makes a TypeError of a wrong type and an AbortError of an abort', () => {
    expect(SpdkError.fromNative({ code: 'ERR_SPDK_INVALID_ARG_TYPE', message: 'x' })).toBeInstanceOf(
      TypeError,
    );
    expect(SpdkError.fromNative({ code: 'ERR_SPDK_ABORTED', message: 'x' }).name).toBe('AbortError');
  });

  it.each(['ERR_SPDK_NO_SUCH_CODE', '', 'toString', '__proto__'])(
    'reports the unknown code %j as a bug',
    (code) => {
      const error = SpdkError.fromNative({ code, message: 'something broke', errno: 5 });
      expect(error).toMatchObject({ code: 'ERR_SPDK_INTERNAL', errno: -5 });
      expect(error.message).toContain('something broke');
    },
  );
});

it('an error of another realm, as Node.js throws them in a test runner, gives its reason', () => {
  const thrown = runInNewContext('new RangeError("too long")');
  expect(codedError('Reading', thrown)).toMatchObject({
    message: expect.stringMatching(/^Reading: too long\. /),
    cause: thrown,
  });
});
