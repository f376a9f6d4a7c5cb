// CDW10 to CDW15 of a command that the caller describes.

import { SpdkTypeError } from '../errors/spdk-error.js';
import { checkInteger, listIn } from './arguments.js';
import { or } from './common.js';

const dwordsOfCommand = 6;

/**
 * All six; missing ones are 0. The array is read once, so that the checked values are those that are sent.
 * @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE
 */
export function checkDwords(value: unknown): number[] {
  const dwords = listIn(or(value, []), 'cdw', dwordsOfCommand);
  if (!dwords) throw new SpdkTypeError('cdw must be an array of up to six numbers, CDW10 to CDW15');
  checkInteger(dwords.length, 'the length of cdw', 0, dwordsOfCommand);
  const dword = (i: number) => checkInteger(or(dwords[i], 0), `cdw[${i}]`, 0, 0xffff_ffff);
  return Array.from({ length: dwordsOfCommand }, (_, i) => dword(i));
}
