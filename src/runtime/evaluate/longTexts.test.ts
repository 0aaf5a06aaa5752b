// Text files of a folder are bounded by their size before a byte of them is read.

import { describe, expect, it } from 'vitest';
import { type Folder, readText } from '../../onnx/source.ts';
import { chatOf } from '../decode/variantText.ts';

/** A folder of files that are too large to be read at all. */
function folderOf(sizes: Readonly<Record<string, number>>): Folder {
  return {
    name: 'large',
    files: Object.entries(sizes).map(([path, size]) => ({ path, size })),
    open: (path) => {
      const size = sizes[path];
      if (size === undefined) return null;
      return {
        size,
        read: async (_, length) => {
          if (length > 1024) throw new Error('read');
          return new Uint8Array(length).fill(0x20);
        },
      };
    },
  };
}

describe('a text file', () => {
  it('is read up to its bound and refused beyond it', async () => {
    const folder = folderOf({ small: 8, large: 9 });
    expect(await readText(folder, 'small', 8)).toBe(' '.repeat(8));
    expect(await readText(folder, 'none', 8)).toBeNull();
    await expect(readText(folder, 'large', 8)).rejects.toMatchObject({
      code: 'too-large',
      message: 'large is 9 bytes long, but at most 8 are allowed.',
    });
  });

  it('of a tokenizer is an error of those who need it', async () => {
    const chat = await chatOf(folderOf({ 'tokenizer.json': 8, 'tokenizer_config.json': 2 ** 33 }));
    expect(chat).toEqual({
      error: expect.stringContaining('tokenizer_config.json is 8589934592 bytes long'),
    });
    expect(
      await chatOf(folderOf({ 'tokenizer.json': 8, 'chat_template.jinja': 2 ** 33 })),
    ).toHaveProperty('error');
  });
});
