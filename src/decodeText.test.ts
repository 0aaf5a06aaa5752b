// Text files in encodings that users have, and files that are no text.

import { expect, test } from 'vitest';
import { decodeText } from './decodeText.ts';

const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(`\uFEFF${text}`, 'utf16le'));

test('UTF-8 and UTF-16 are read, without their marks', () => {
  for (const bytes of [
    Buffer.from('Zürich 日'),
    Buffer.from('\uFEFFZürich 日'),
    utf16('Zürich 日'),
  ])
    expect(decodeText('a.txt', bytes)).toBe('Zürich 日');
  expect(decodeText('a.txt', Buffer.from(utf16('Zürich 日')).swap16())).toBe('Zürich 日');
  expect(decodeText('a.txt', new Uint8Array())).toBe('');
});

test('other bytes are refused, not replaced', () => {
  for (const bytes of [Buffer.from('Zürich', 'latin1'), Uint8Array.of(0x61, 0xff, 0x62)])
    expect(() => decodeText('a.txt', bytes)).toThrow(/a\.txt is not a text in UTF-8/);
});
