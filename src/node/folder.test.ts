// Folders as they lie on the disk: download caches made of links, what systems leave behind.

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { currentGraphs } from '../model/open/graphs.ts';
import { openModel } from '../model/open/open.ts';
import { withStoredLinks } from '../model/open/storedLinks.ts';
import { readText } from '../onnx/source.ts';
import { diskFolder } from '../onnx/testing/diskFolder.ts';
import { casePath } from '../testing/fixtures.ts';
import { openFolder } from './testing/openFolder.ts';

const root = mkdtempSync(join(tmpdir(), 'espalier-node-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A repository in a download cache: blobs, and snapshots of links to them. */
function cache(name: string, snapshots: readonly string[]): string {
  const repository = join(root, `models--t--${name}`);
  const source = casePath('no-config/model');
  mkdirSync(join(repository, 'blobs'), { recursive: true });
  for (const file of readdirSync(source)) {
    // Blobs are named by their hashes, never as graphs.
    const blob = join(repository, 'blobs', `0af3${file.length}`);
    cpSync(join(source, file), blob);
    for (const snapshot of snapshots) {
      mkdirSync(join(repository, 'snapshots', snapshot), { recursive: true });
      symlinkSync(blob, join(repository, 'snapshots', snapshot, file));
    }
  }
  return repository;
}

it('opens a download cache by its repository or by a snapshot', async () => {
  const repository = cache('tiny', ['0old', '1new']);
  mkdirSync(join(repository, 'refs'));
  writeFileSync(join(repository, 'refs', 'main'), '1new');
  const whole = await openFolder(repository);
  const { graphPath, summary, root: at } = await openModel(whole);
  expect(graphPath).toBe('snapshots/1new/model.onnx');
  expect(summary.name).toBe('tiny');
  expect(at.folder.open('tokenizer.json')).not.toBeNull();
  const snapshot = await openModel(await openFolder(join(repository, 'snapshots', '0old')));
  expect(snapshot.summary).toMatchObject({ name: 'tiny', numBlocks: 4, graph: 'model.onnx' });
  const hub = await currentGraphs(await openFolder(root));
  expect(hub.map(({ model }) => model)).toEqual(['models--t--tiny/snapshots/1new/']);
});

it('follows links of a download cache that were copied as text', async () => {
  const repository = join(root, 'copied', 'models--t--tiny');
  const snapshot = join(repository, 'snapshots', '0a');
  mkdirSync(snapshot, { recursive: true });
  mkdirSync(join(repository, 'blobs'));
  const blob = '0a'.repeat(20);
  cpSync(casePath('no-config/model/model.onnx'), join(repository, 'blobs', blob));
  writeFileSync(join(snapshot, 'model.onnx'), `../../blobs/${blob}`);
  writeFileSync(join(snapshot, 'note.txt'), `../../blobs/${'0b'.repeat(20)}`);
  writeFileSync(join(snapshot, 'other.txt'), '../../refs/main');
  const { summary } = await openModel(await openFolder(snapshot));
  expect(summary).toMatchObject({ name: 'tiny', numBlocks: 4 });
  // As the page sees the same files.
  const followed = await withStoredLinks(diskFolder(repository));
  expect((await openModel(followed)).summary.graph).toBe('snapshots/0a/model.onnx');
  expect(await readText(followed, 'snapshots/0a/other.txt', 100)).toBe('../../refs/main');
});

it('passes over litter, and over links that lead up', async () => {
  const folder = join(root, 'plain');
  mkdirSync(join(folder, '__MACOSX'), { recursive: true });
  for (const name of ['config.json', '.DS_Store', '._config.json', 'Thumbs.db', '__MACOSX/x'])
    writeFileSync(join(folder, name), '');
  symlinkSync(folder, join(folder, 'again'));
  symlinkSync(join(folder, 'gone'), join(folder, 'broken'));
  expect((await openFolder(folder)).files.map(({ path }) => path)).toEqual(['config.json']);
});
