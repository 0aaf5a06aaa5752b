// Results that are kept: back after a reload and when their model is opened again, never over what
// is newer, bounded, and harmless when they are damaged.

import { expect, test } from 'vitest';
import { inBrowser } from '../../contract/device.ts';
import { makeKeptShelf } from '../../files/keptStudies.ts';
import { memoryStore } from '../../files/testing/memoryStore.ts';
import type { Identity } from '../../model/export/identity.ts';
import { effectView } from '../effect/selectors.ts';
import type { FakeOptions } from '../testing/fakeStudio.ts';
import { aWhile, noDisk, setUp, until } from '../testing/setUp.ts';
import { variantRows } from '../variants/variants.ts';
import { device as deviceForm, scoreSettings } from './forms.ts';

const MINUTE = 60_000;

const identityOf = (name: string): Identity => ({
  graph: 'onnx/model.onnx',
  graphSha256: name,
  files: [],
  weightsSha256: 'w',
});

/** A page on the same browser as others with this store. */
function visit(disk: ReturnType<typeof memoryStore>, options: FakeOptions = {}, at = MINUTE) {
  return setUp({}, { identity: identityOf, ...options }, noDisk, '', {
    kept: makeKeptShelf(() => disk.use),
    date: () => at,
  });
}

const folder = (name: string) => ({ kind: 'files' as const, name, files: [] });

const stored = (disk: ReturnType<typeof memoryStore>) =>
  [...disk.values.keys()].filter((key) => String(key).startsWith('body ')).length;

/** A scored model with a named variant and a measured speed, and all of it stored. */
async function worked(disk: ReturnType<typeof memoryStore>, name = 'a') {
  const page = visit(disk);
  page.actions.setAutoMeasure(false);
  await page.actions.openSource(folder(name));
  await page.actions.score();
  page.actions.dropLowest(2);
  await until(() => !effectView(page.get()).stale);
  page.actions.keepVariant('my favourite');
  await page.actions.measureSpeed('quick');
  page.actions.keepNow();
  await until(() => stored(disk) > 0);
  await aWhile();
  page.store.dispose();
  return page;
}

test('a second visit has everything back, and the engine the windows of the curve', async () => {
  const disk = memoryStore();
  const first = await worked(disk);
  const { actions, get, studio, hash } = visit(disk);
  actions.setAutoMeasure(false);
  await actions.openSource(folder('a'));
  expect(await actions.untilRestored()).toBe(true);
  expect(get().score.curve).toEqual(first.get().score.curve);
  expect(get().kept.restoredFrom).toBe(MINUTE);
  expect(get().plan.present.removed).toEqual(first.get().plan.present.removed);
  expect(hash()).toBe(first.hash());
  expect(effectView(get())).toMatchObject({ stale: false, waiting: false });
  expect(variantRows(get()).find(({ present }) => present)).toMatchObject({
    name: 'my favourite',
    measure: expect.anything(),
  });
  await until(() => studio.calls.some(({ name }) => name === 'useWindows'));
  const given = studio.calls.find(({ name }) => name === 'useWindows');
  expect(given?.args).toEqual([get().score.curve?.result.windows, 'wasm']);
  // The plan that was measured is not measured again; another one is.
  expect(studio.calls.some(({ name }) => name === 'plan')).toBe(false);
  actions.dropLowest(3);
  await until(() => !effectView(get()).stale);
  expect(studio.calls.filter(({ name }) => name === 'plan')).toHaveLength(1);
});

test('windows that native ONNX Runtime scored are given to the CPU of the browser', () => {
  const { get } = visit(memoryStore());
  expect(inBrowser('cpu')).toBe('wasm');
  expect(inBrowser('webgpu')).toBe('webgpu');
  expect(deviceForm({ kind: 'cpu', name: 'CPU (native, 2 threads)' })).toBe(true);
  const { settings } = get().score;
  expect(scoreSettings({ ...settings, device: 'cpu' })).toBe(false);
  expect(scoreSettings(settings)).toBe(true);
});

test('one click on the sample does not score again what is known', async () => {
  const disk = memoryStore();
  const first = visit(disk);
  await first.actions.openSample();
  await first.actions.score();
  first.actions.keepNow();
  await until(() => stored(disk) > 0);
  const { actions, get } = visit(disk);
  await actions.openSample();
  expect(await actions.untilRestored()).toBe(true);
  expect(get().score.curve?.result.order[0]).toBe(7);
});

test('two models in turn keep apart, on one page', async () => {
  const disk = memoryStore();
  const { actions, get } = await (async () => {
    const page = visit(disk);
    page.actions.setAutoMeasure(false);
    return page;
  })();
  await actions.openSource(folder('a'));
  await actions.score();
  actions.dropLowest(2);
  await actions.openSource(folder('b'));
  expect(await actions.untilRestored()).toBe(false);
  actions.toggle(5);
  await actions.openSource(folder('a'));
  expect(await actions.untilRestored()).toBe(true);
  expect(get().plan.present.removed).toHaveLength(2);
  await actions.openSource(folder('b'));
  await actions.untilRestored();
  expect(get().score.curve).toBeNull();
  expect(get().plan.present.removed).toEqual([5]);
});

test('a model whose files changed gets nothing of before', async () => {
  const disk = memoryStore();
  await worked(disk);
  const { actions, get } = visit(disk, { identity: () => identityOf('changed') });
  await actions.openSource(folder('a'));
  expect(await actions.untilRestored()).toBe(false);
  expect(get().kept.restoredFrom).toBeNull();
});

test('the identity comes late: a curve measured meanwhile stays, the rest comes back', async () => {
  const disk = memoryStore();
  await worked(disk);
  let identified = (_: Identity) => {};
  const identity = () =>
    new Promise<Identity>((resolve) => {
      identified = resolve;
    });
  const { actions, get } = visit(disk, { identity }, 2 * MINUTE);
  actions.setAutoMeasure(false);
  await actions.openSource(folder('a'));
  expect(get().kept.looking || get().score.curve === null).toBe(true);
  await actions.score();
  const own = get().score.curve;
  actions.toggle(9);
  identified(identityOf('a'));
  await actions.untilRestored();
  expect(get().score.curve).toBe(own);
  expect(get().plan.present.removed).toEqual([9]);
  expect([...get().variants.names.values()]).toEqual(['my favourite']);
  expect(get().speed.known.size).toBe(1);
});

test('two tabs on one model: neither erases what the other measured', async () => {
  const disk = memoryStore();
  await worked(disk);
  const [one, two] = [visit(disk), visit(disk)];
  for (const { actions } of [one, two]) {
    actions.setAutoMeasure(false);
    await actions.openSource(folder('a'));
    await actions.untilRestored();
  }
  one.actions.nameVariant('3', 'of one');
  one.actions.keepNow();
  await aWhile();
  two.actions.nameVariant('4', 'of two');
  two.actions.keepNow();
  await aWhile();
  // What was removed on purpose stays removed.
  one.actions.nameVariant('3', '');
  one.actions.keepNow();
  await aWhile();
  const third = visit(disk);
  await third.actions.openSource(folder('a'));
  await third.actions.untilRestored();
  expect([...third.get().variants.names.values()].sort()).toEqual(['my favourite', 'of two']);
});

test('what is damaged or of another version is left out, and the rest comes back', async () => {
  const disk = memoryStore();
  await worked(disk);
  const [key] = [...disk.values.keys()].filter((name) => String(name).startsWith('body '));
  const body = disk.values.get(key!) as { app: string; parts: { speed?: { fields: object } } };
  Object.assign(body.parts.speed!.fields, { known: 'nonsense' });
  disk.values.set(key!, body);
  const page = visit(disk);
  await page.actions.openSource(folder('a'));
  expect(await page.actions.untilRestored()).toBe(true);
  expect(page.get().speed.known.size).toBe(0);
  // Otherwise it would measure the speed that is missing, and store it.
  page.store.dispose();
  for (const damaged of [undefined, null, 7, 'text', { app: '0.0.1', parts: body.parts }, {}]) {
    disk.values.set(key!, damaged);
    const other = visit(disk);
    await other.actions.openSource(folder('a'));
    expect(await other.actions.untilRestored()).toBe(false);
    expect(other.get().errors).toEqual({});
  }
});

test('a full disk is said once and loses nothing', async () => {
  const disk = memoryStore();
  disk.full = true;
  const { actions, get, store } = visit(disk);
  const said: string[] = [];
  store.state.subscribe(({ view }, before) => {
    if (view.toast && view.toast !== before.view.toast) said.push(view.toast.text);
  });
  await actions.openSource(folder('a'));
  await actions.score();
  actions.keepNow();
  await until(() => get().kept.storage === 'full');
  actions.toggle(4);
  actions.keepNow();
  await aWhile();
  expect(said.filter((text) => text.includes('no room'))).toHaveLength(1);
  expect(get().score.curve).not.toBeNull();
});

test('erased by hand: gone on the next visit, until something new is measured', async () => {
  const disk = memoryStore();
  await worked(disk);
  const { actions, get } = visit(disk);
  actions.setAutoMeasure(false);
  await actions.openSource(folder('a'));
  await actions.untilRestored();
  await actions.eraseAllKept();
  expect(get().kept.models).toEqual([]);
  expect(get().score.curve).not.toBeNull();
  actions.keepNow();
  await aWhile();
  expect(stored(disk)).toBe(0);
  await actions.score();
  actions.keepNow();
  await until(() => stored(disk) === 1);
});

test('a plan that is cleared and nothing else leaves no record', async () => {
  const disk = memoryStore();
  const { actions } = visit(disk);
  await actions.openSource(folder('a'));
  actions.toggle(4);
  actions.keepNow();
  await until(() => stored(disk) === 1);
  actions.keepAll();
  actions.keepNow();
  await until(() => stored(disk) === 0);
});
