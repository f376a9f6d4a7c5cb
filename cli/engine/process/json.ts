// JSON that is printed, which may go to a terminal.

import { randomUUID } from 'node:crypto';

/**
 * A value as JSON. Numbers that JavaScript keeps as bigint are numbers, of any size, as nvme-cli prints them: JSON.stringify() has no way
 * for that in every supported Node.js, so that they are marked first. It also leaves control characters as they are that some terminals obey.
 */
export function toJson(value: object, indent = 0): string {
  const mark = randomUUID();
  const convert = (_key: string, field: unknown) => (typeof field === 'bigint' ? `${mark}${field}` : field);
  return JSON.stringify(value, convert, indent)
    .replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1')
    .replace(/[\u007f-\u009f]/g, (found) => `\\u00${found.charCodeAt(0).toString(16)}`);
}
