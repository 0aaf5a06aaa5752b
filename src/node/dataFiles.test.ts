// Data files by the names of files and folders: what is found, how it is called, what is refused.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataFiles, splitNames } from './dataFiles.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'espalier-data-'));
  mkdirSync(at('piqa/deep/er'), { recursive: true });
  mkdirSync(at('a,b'));
  for (const [name, text] of [
    ['piqa/valid.jsonl', '{"goal": 1}\n'],
    ['piqa/valid-labels.lst', '0\n'],
    ['piqa/deep/er/own.jsonl', '{}'],
    ['a,b/x.jsonl', '{}'],
  ] as const)
    writeFileSync(at(name), text);
  symlinkSync(at('piqa/valid.jsonl'), at('linked.jsonl'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string): string => join(root, name);
async function pathsOf(...names: string[]): Promise<string[]> {
  const { files, close } = await dataFiles(names.map(at));
  await close();
  return files.map(({ path }) => path);
}

describe('data files', () => {
  test('are found downwards, each once, links included', async () => {
    expect(await pathsOf('piqa', 'piqa/valid.jsonl', 'linked.jsonl')).toEqual([
      at('piqa/deep/er/own.jsonl'),
      at('piqa/valid-labels.lst'),
      at('piqa/valid.jsonl'),
    ]);
  });

  test.skipIf(process.platform === 'win32')('are no devices or pipes', async () => {
    await expect(dataFiles(['/dev/null'])).rejects.toThrow(/dev.null is neither a file nor a/);
  });

  test('come with the labels beside them', async () => {
    const beside = [at('piqa/valid.jsonl'), at('piqa/valid-labels.lst')];
    expect(await pathsOf('piqa/valid.jsonl')).toEqual(beside);
  });

  test('are read by ranges', async () => {
    const { files, close } = await dataFiles([at('piqa/valid.jsonl')]);
    const bytes = await files[0]!.read(2, 6);
    expect(new TextDecoder().decode(bytes)).toBe('goal');
    await expect(files[0]!.read(0, 99)).rejects.toMatchObject({ code: 'corrupt-file' });
    await close();
  });

  test('have the name of their folder, where none was given', async () => {
    const before = process.cwd();
    process.chdir(at('piqa'));
    try {
      const { files, close } = await dataFiles(['.', 'valid.jsonl']);
      await close();
      expect(files.map(({ path }) => path)).toContain('piqa/valid.jsonl');
    } finally {
      process.chdir(before);
    }
  });

  test('that are not there are named', async () => {
    await expect(dataFiles([at('none')])).rejects.toMatchObject({ code: 'missing-file' });
    expect(() => splitNames(`${at('piqa')},none`)).toThrow('There is no file or folder none.');
  });
});

test('names are split at commas that are not in a name', () => {
  const names = [at('a,b'), at('piqa/valid.jsonl')];
  expect(splitNames(names.join(', '))).toEqual(names);
  expect(splitNames('')).toEqual([]);
});
