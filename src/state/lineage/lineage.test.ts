// Source, export and what another tool made of it in one table: found by espalier.json and by what
// is kept, compared on the same windows alone.

import { expect, test } from 'vitest';
import { makeKeptShelf } from '../../files/keptStudies.ts';
import { memoryStore } from '../../files/testing/memoryStore.ts';
import type { Identity } from '../../model/export/identity.ts';
import { writeProvenance } from '../../model/export/provenance.ts';
import { sourceView } from '../kept/selectors.ts';
import type { FakeOptions } from '../testing/fakeStudio.ts';
import { aWhile, noDisk, setUp, until } from '../testing/setUp.ts';
import { variantsCsv } from '../variants/file.ts';
import { tableRows } from '../variants/folderRows.ts';
import { variantRows } from '../variants/variants.ts';
import { measurableOn } from './selectors.ts';

const identityOf = (name: string): Identity => ({
  graph: 'model.safetensors',
  graphSha256: name,
  files: [],
  weightsSha256: 'w',
});

type Disk = ReturnType<typeof memoryStore>;

async function visit(disk: Disk, name: string, options: FakeOptions = {}) {
  const page = setUp({}, { identity: identityOf, ...options }, noDisk, '', {
    kept: makeKeptShelf(() => disk.use),
  });
  page.actions.setAutoMeasure(false);
  await page.actions.openSource({ kind: 'files', name, files: [] });
  await page.actions.untilRestored();
  return page;
}

type Page = Awaited<ReturnType<typeof visit>>;

async function keep({ actions, store }: Page) {
  actions.keepNow();
  await aWhile();
  store.dispose();
}

/** The espalier.json of "a" without two blocks, and the curve it was scored with. */
async function exported(disk: Disk) {
  const page = await visit(disk, 'a');
  await page.actions.score();
  const plan = await page.studio.api.plan([7, 9], () => {});
  const { curve } = page.get().score;
  await keep(page);
  const source = { name: 'a', family: 'llama', numBlocks: 16, ...identityOf('a') };
  const score = curve!.result;
  const rest = { app: '0.1.0', removed: [7, 9], renumbering: [], plan, versions: {} };
  return {
    provenance: writeProvenance({ source, score, ...rest }),
    unscored: writeProvenance({ source, score: null, ...rest, plan: null }),
    nlls: [score.baseline.nll, plan.nll],
  };
}

const named = (page: Page) =>
  tableRows(page.get()).map(({ name, nll, folder }) => [name, folder?.relation ?? null, nll]);

test('a healed folder stands beside its source and what was exported', async () => {
  const disk = memoryStore();
  const { provenance, nlls } = await exported(disk);
  const [original, pruned] = nlls;
  const page = await visit(disk, 'healed', { provenance, numBlocks: 14 });
  const { actions, get, studio } = page;
  await until(() => get().kept.lineage.length === 1);
  expect(named(page)).toEqual([
    ['original', null, null],
    ['a', 'source', original],
    ['−2: 7, 9, as exported', 'at-export', pruned],
  ]);
  expect(measurableOn(get())).toBe('a');
  await actions.measureLineage();
  const given = studio.calls.find(({ name }) => name === 'useWindows')?.args[0];
  expect(given).toEqual(get().model.current?.madeFrom?.score?.windows);
  expect(studio.calls.filter(({ name }) => name === 'plan').map(({ args }) => args[0])).toEqual([
    [],
  ]);
  const own = tableRows(get())[0]!.nll;
  expect(own).toBeGreaterThan(0);
  expect(measurableOn(get())).toBeNull();
  expect(sourceView(get())?.nll).toEqual({ source: original, atExport: pruned, now: own });
  expect(sourceView(get())?.changed).toBe(true);
  // The chart is of this folder's plans alone.
  expect(variantRows(get())).toHaveLength(1);
  const csv = variantsCsv(tableRows(get()), { score: null, date: '' }).split('\r\n');
  // Names have commas: counted from the end.
  const folder = csv[0]!.split(',').reverse().indexOf('folder') + 1;
  expect(csv.slice(1, 4).map((line) => line.split(',').at(-folder))).toEqual(['', 'a', 'a']);
  await keep(page);

  // The source finds it in turn; an export of an export belongs to the same lineage.
  const again = await visit(disk, 'a');
  await until(() => again.get().kept.lineage.length === 1);
  expect(named(again).slice(-1)).toEqual([['healed', 'relative', own]]);
  expect(tableRows(again.get()).at(-1)).toMatchObject({ blocks: 14, removed: [7, 9] });
  await again.actions.eraseKept('healed w');
  expect(again.get().kept.lineage).toEqual([]);
  again.store.dispose();
});

test('on other windows there is no perplexity, and other models are no relatives', async () => {
  const disk = memoryStore();
  const { unscored } = await exported(disk);
  const stranger = await visit(disk, 'stranger');
  await stranger.actions.score();
  await keep(stranger);
  const page = await visit(disk, 'c', { provenance: unscored, numBlocks: 14 });
  const { get, store } = page;
  await until(() => get().kept.lineage.length === 1);
  // By what is kept of the source, as the file has no scores.
  expect(measurableOn(get())).toBe('a');
  await page.actions.score();
  const { score } = get();
  const curve = score.curve!;
  const windows = curve.result.windows.map((window) => window.slice(1));
  store.state.setState({
    score: { ...score, curve: { ...curve, result: { ...curve.result, windows } } },
  });
  expect(named(page)).toEqual([
    ['original', null, curve.result.baseline.nll],
    ['a', 'source', null],
  ]);
  store.dispose();
});

test('an espalier.json that is dropped says what the folder was made from', async () => {
  const disk = memoryStore();
  const { provenance } = await exported(disk);
  const page = await visit(disk, 'trained', { numBlocks: 14 });
  const { actions, get } = page;
  expect(named(page)).toHaveLength(1);
  await actions.restore(provenance);
  expect(get().errors).toEqual({});
  expect(get().view.toast?.text).toMatch(/^trained has the blocks .* made from it\.$/);
  expect(get().plan.present.removed).toEqual([]);
  await until(() => get().kept.lineage.length === 1);
  expect(named(page)).toHaveLength(3);
  await actions.measureLineage();
  await keep(page);
  // Known on the next visit without the file.
  const next = await visit(disk, 'trained', { numBlocks: 14 });
  await until(() => next.get().kept.lineage.length === 1);
  expect(named(next).map(([name]) => name)).toEqual(['original', 'a']);
  next.store.dispose();
});
