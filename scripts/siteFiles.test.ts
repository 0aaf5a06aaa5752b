// What a built site consists of, on a small folder.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { siteFilesOf } from './siteFiles.ts';

const folder = mkdtempSync(join(tmpdir(), 'espalier-site-'));
const write = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};

beforeAll(() => {
  write(
    'index.html',
    '<script type="module" crossorigin src="./assets/index-AbCd_1-9.js"></script>',
  );
  write('sw.js', 'the service worker itself');
  write('assets/index-AbCd_1-9.js', 'script');
  write('assets/ort-AAAAAAAA.wasm', 'wasm');
  write('sample/onnx/model.onnx', 'graph');
  write('text/a.txt', 'text');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('keeps the shell at once, wasm and sample when they are used', () => {
  const { entry, shell, onUse } = siteFilesOf(folder);
  expect(entry).toBe('assets/index-AbCd_1-9.js');
  expect(shell.map(([path]) => path)).toEqual([
    'assets/index-AbCd_1-9.js',
    'index.html',
    'text/a.txt',
  ]);
  expect(onUse.map(([path]) => path)).toEqual([
    'assets/ort-AAAAAAAA.wasm',
    'sample/onnx/model.onnx',
  ]);
});

it('gives a revision to what is not named by its content, and a version to all of it', () => {
  const before = siteFilesOf(folder);
  const revisions = Object.fromEntries([...before.shell, ...before.onUse]);
  expect(revisions['assets/index-AbCd_1-9.js']).toBe('');
  expect(revisions['text/a.txt']).toMatch(/^[0-9a-f]{16}$/);
  expect(siteFilesOf(folder)).toEqual(before);
  write('text/a.txt', 'another text');
  const after = siteFilesOf(folder);
  expect(after.version).not.toBe(before.version);
  expect(Object.fromEntries(after.shell)['text/a.txt']).not.toBe(revisions['text/a.txt']);
});

it('says when the page loads no script', () => {
  write('index.html', '<p>nothing</p>');
  expect(() => siteFilesOf(folder)).toThrow('loads no script');
});
