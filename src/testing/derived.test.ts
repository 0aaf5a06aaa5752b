// Fixtures made from recipes are there and whole, and every row of the corpus has its folder and
// goldens.

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openFolder } from '../node/testing/openFolder.ts';
import { derivedNames, fixtureFolder } from './derived.ts';
import { fixturePath, golden, wholeCorpus } from './fixtures.ts';

describe('corpus', () => {
  it('has 35 folders, each once, with goldens where the model is supported', () => {
    const names = wholeCorpus().map((row) => row.folder);
    expect(new Set(names).size).toBe(35);
    for (const row of wholeCorpus()) {
      expect(existsSync(`${fixturePath(row.folder)}/${row.file}`)).toBe(true);
      if (row.supported) expect(golden(row.folder).fixture).toBe(row.folder);
    }
  });

  it('makes folders from recipes, one on top of another', async () => {
    expect(derivedNames().length).toBe(20);
    // Making one checks the SHA-256 of each of its files.
    const folder = await openFolder(fixtureFolder('genai-llama-fp32-cpu-noemb'));
    expect(folder.files.map((file) => file.path)).toContain('genai_config.json');
    expect(() => fixtureFolder('no-such')).toThrow('no fixture no-such');
  });
});
