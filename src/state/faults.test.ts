// What faults leave behind: one click goes on, and plan, curve and measurements are kept while the
// model is the same.

import { describe, expect, it } from 'vitest';
import type { FolderSource } from '../contract/open.ts';
import { type ErrorCode, EspalierError } from '../errors.ts';
import type { PickedFolder } from '../files/pickedFolder.ts';
import { remedyOf } from './remedies.ts';
import type { ErrorPlace } from './state.ts';
import { FAKE_IDENTITY } from './testing/fakeStudio.ts';
import { noDisk, setUp, until } from './testing/setUp.ts';

const folder = (name: string): PickedFolder => ({ name, files: [] });
const source = (name: string): FolderSource => ({ kind: 'files', ...folder(name) });
const gone = new EspalierError(
  'missing-file',
  'The file a was changed, moved or removed after it was opened.',
);

/** A model of the disk with a curve and a plan whose perplexity is known. */
async function working() {
  const disk = { ...noDisk };
  const all = setUp({}, {}, disk);
  await all.actions.openSource(source('mine'));
  await all.actions.score();
  all.actions.toggle(3);
  all.actions.setLock(0, true);
  await until(() => all.get().effect.shown !== null);
  /** From now on the folder holds other weights. */
  const otherWeights = () => {
    all.studio.api.identity = async () => ({ ...FAKE_IDENTITY, weightsSha256: 'cc' });
  };
  return { ...all, disk, otherWeights };
}

describe('a folder that is read again', () => {
  it('keeps plan, locks, curve and perplexity of the same model', async () => {
    const { actions, get, studio, disk } = await working();
    const { curve } = get().score;
    const { shown } = get().effect;
    studio.failNext('score', gone);
    await actions.score();
    disk.readAgain = async () => folder('mine');
    remedyOf(get(), 'score')!.run(actions, get());
    await until(() => get().errors.score === undefined && get().model.opening === null);
    expect(get().plan.present).toEqual({ removed: [3], locked: [0] });
    expect([get().score.curve, get().effect.shown]).toEqual([curve, shown]);
    expect(studio.calls.findLast(({ name }) => name === 'useWindows')?.args).toEqual([
      curve!.result.windows,
      'wasm',
    ]);
    actions.toggle(4);
    await until(() => get().effect.shown?.result.removed.length === 2);
    actions.undo();
    expect(get().plan.present.removed).toEqual([3]);
  });

  it('asks for the folder when its files cannot be read again', async () => {
    const { actions, get, disk } = await working();
    const before = get().model.current;
    await actions.readAgain();
    expect(get().model.current).toBe(before);
    disk.pickFolder = async () => folder('moved');
    await actions.readAgain();
    expect([get().model.current?.source.name, get().plan.present.removed]).toEqual(['moved', [3]]);
    expect(get().score.curve).not.toBeNull();
  });

  it('keeps the plan but no curve when the weights are others', async () => {
    const { actions, get, disk, otherWeights } = await working();
    otherWeights();
    disk.readAgain = async () => folder('mine');
    await actions.readAgain();
    expect([get().plan.present.removed, get().score.curve]).toEqual([[3], null]);
    expect(get().view.toast?.text).toMatch(/has changed since it was scored/);
  });

  it('keeps everything when it was not there', async () => {
    const { actions, get, studio, disk } = await working();
    disk.readAgain = async () => folder('mine');
    studio.failNext(
      'open',
      new EspalierError('missing-file', 'There is no ONNX file in the folder mine.'),
    );
    await actions.readAgain();
    expect([get().plan.present.removed, get().score.curve !== null]).toEqual([[3], true]);
    expect(remedyOf(get(), 'open')?.label).toBe('Choose a folder');
  });

  it('is known when it is dropped or picked, and another model is not taken for it', async () => {
    const { actions, get, otherWeights } = await working();
    await actions.openSource(source('the same, elsewhere'));
    expect([get().plan.present.removed, get().score.curve !== null]).toEqual([[3], true]);
    otherWeights();
    await actions.openSource(source('another'));
    expect([get().plan.present.removed, get().score.curve]).toEqual([[], null]);
  });
});

describe('the click that goes on', () => {
  it.each<[ErrorPlace, ErrorCode, string | undefined]>([
    ['score', 'device-lost', 'Score again'],
    ['score', 'bug', 'Score again'],
    ['score', 'out-of-memory', 'Score again with half the memory'],
    ['sublayers', 'out-of-memory', 'Score sublayers again with half the memory'],
    ['search', 'out-of-memory', 'Search again with half the memory'],
    ['evaluate', 'out-of-memory', 'Evaluate again with half the memory'],
    ['plan', 'out-of-memory', 'Measure again'],
    ['plan', 'missing-file', 'Read the folder again'],
    ['speed', 'missing-file', 'Read the folder again'],
    ['generate', 'device-lost', 'Generate again'],
    ['device', 'bug', 'Test the device again'],
    ['score', 'bad-input', undefined],
    ['open', 'corrupt-file', undefined],
  ])('from %s, %s', async (place, code, label) => {
    const { actions, get, store } = setUp();
    await actions.openSource(source('mine'));
    store.state.setState({ errors: { [place]: { code, message: 'm', hint: '', detail: '' } } });
    expect(remedyOf(get(), place)?.label).toBe(label);
  });

  it('scores again after the device was lost, with the plan as it was', async () => {
    const { actions, get, studio } = await working();
    studio.failNext('score', new EspalierError('device-lost', 'The GPU was lost.'));
    await actions.score();
    const before = get().score.curve;
    expect(before).not.toBeNull();
    remedyOf(get(), 'score')!.run(actions, get());
    await until(
      () =>
        get().errors.score === undefined &&
        get().score.running === null &&
        get().score.curve !== before,
    );
    expect(get().plan.present.removed).toEqual([3]);
  });

  it('halves the memory where memory ran out', async () => {
    const { actions, get, studio } = await working();
    const total = get().score.memory!.total;
    studio.failNext('score', new EspalierError('out-of-memory', 'Memory ran out.'));
    await actions.score();
    const before = get().score.curve;
    remedyOf(get(), 'score')!.run(actions, get());
    await until(() => get().score.running === null && get().errors.score === undefined);
    expect(get().score.settings.budgetBytes).toBeLessThanOrEqual(total / 2);
    expect(get().score.curve).not.toBe(before);
  });

  it('fetches a file of the host again instead of asking for a folder', async () => {
    const { actions, get, studio } = setUp();
    await actions.openSample();
    studio.failNext('score', gone);
    await actions.score();
    expect(remedyOf(get(), 'score')?.label).toBe('Score again');
  });
});
