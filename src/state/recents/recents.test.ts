// Folders of earlier visits: remembered when a model opens, opened again, said when they are gone;
// the question before an opening loses something.

import { expect, test } from 'vitest';
import type { RecentFolder, RecentShelf } from '../../files/recentFolders.ts';
import { engineJob } from '../jobs.ts';
import { remedyOf } from '../remedies.ts';
import { noDisk, setUp, until } from '../testing/setUp.ts';

const FOLDER: RecentFolder = {
  id: '1',
  folder: 'austen',
  name: 'austen',
  graph: 'onnx/model_q4.onnx',
  model: 'aa bb',
  openedAt: 1,
};

function fakeShelf(folders: RecentFolder[], isThere = true) {
  const added: Omit<RecentFolder, 'id'>[] = [];
  const shelf: RecentShelf = {
    list: async () => folders,
    add: async (_, about) => void added.push(about),
    open: async () => (isThere ? { name: 'austen', files: [] } : null),
    forget: async (id) => {
      folders.splice(
        folders.findIndex((one) => one.id === id),
        1,
      );
    },
  };
  return { shelf, added };
}

const visit = (recents: RecentShelf) =>
  setUp({}, { severalGraphs: true }, noDisk, '', { recents, date: () => 5 });

test('one click opens the folder with the graph it had, and remembers it anew', async () => {
  const { shelf, added } = fakeShelf([FOLDER]);
  const { actions, get } = visit(shelf);
  await until(() => get().recents.folders.length === 1);
  await actions.openRecent('1');
  expect(get().model.current?.summary.graph).toBe('onnx/model_q4.onnx');
  await until(() => added.length === 1);
  expect(added[0]).toEqual({ ...FOLDER, id: undefined, openedAt: 5 });
});

test('a folder that is gone says so and offers to choose it again', async () => {
  const { shelf } = fakeShelf([FOLDER], false);
  const { actions, get } = visit(shelf);
  await until(() => get().recents.folders.length === 1);
  await actions.openRecent('1');
  expect(get().errors.open?.message).toMatch(/^The folder austen could not be read/);
  expect(remedyOf(get(), 'open')?.label).toBe('Choose a folder');
  await actions.forgetRecent('1');
  expect(get().recents.folders).toEqual([]);
});

test('opening asks before it ends what cannot be resumed; no leaves all as it is', async () => {
  const { actions, get } = setUp({}, { stepMs: 3 });
  await actions.openSource({ kind: 'files', name: 'mine', files: [] });
  await actions.score();
  const study = actions.studyStability();
  await until(() => engineJob(get()) === 'stability');
  const opening = actions.openSource({ kind: 'files', name: 'other', files: [] });
  expect(get().model.asking).toEqual({
    name: 'other',
    loss: expect.stringMatching(/ends the calibration study of mine/),
  });
  actions.answerOpening(false);
  expect(await opening).toBe(false);
  expect([get().model.current?.summary.name, get().model.asking]).toEqual(['mine', null]);
  await study;
  expect(get().stability.runs.length).toBeGreaterThan(0);
});
