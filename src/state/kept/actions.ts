// Keeps what is measured of the open model, and brings it back when the model is opened again.
// Never overwrites what is newer; a failure to keep is said once and loses nothing.

import { inBrowser } from '../../contract/device.ts';
import type { KeptAbout, KeptOrigin, Stored } from '../../files/keptStudies.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { VERSION } from '../../version.ts';
import { keptAreBack, STORAGE_FAILED } from '../../words/dialogs/kept.ts';
import type { Context } from '../context.ts';
import { engineJob, engineObstacle } from '../jobs.ts';
import { keyOfIdentity } from '../open/sameModel.ts';
import type { ScoreActions } from '../score/actions.ts';
import type { ScoreSlice } from '../score/state.ts';
import { firstState, type StudioState } from '../state.ts';
import { lineageOf, originOf } from './lineage.ts';
import type { Relative } from './state.ts';
import {
  changed,
  countsOf,
  mergeStudies,
  readBody,
  type Study,
  studyOf,
  withStudy,
  writeBody,
} from './study.ts';

export interface KeptActions {
  /**
   * Until what is kept of the open model is back, or it is known that there is nothing. @returns
   * whether there is a curve now
   */
  untilRestored(): Promise<boolean>;
  /** Stores at once what is not stored yet: the page may be about to go. */
  keepNow(): void;
  /** Asks anew which models something is kept of. */
  listKept(): Promise<void>;
  /**
   * Forgets what is kept of a model. Of the open one, all of it is kept again once something new is
   * measured.
   */
  eraseKept(key: string): Promise<void>;
  eraseAllKept(): Promise<void>;
}

/** One model, from when it is opened until another is. */
interface Session {
  study: number;
  summary: ModelSummary;
  /** What memory and store had in common last. */
  base: Study;
  /** Of its record; null while it was not asked for. */
  key: Promise<string | null> | null;
  hasRecord: boolean;
  /** What it was made from, as the folder or an earlier visit says it. */
  origin: KeptOrigin | undefined;
  /** Erased by hand: nothing is kept until something new is measured. */
  paused: boolean;
  restored: Promise<void>;
}

/** Time between a change and its storing, ms: changes come in bursts, those of a job for long. */
const KEEP_MS = 150;
const KEEP_IN_JOB_MS = 2000;

/** What a summary says of a model before it is identified, which reads its files. */
const looksOf = ({ family, numBlocks, params, bytes, dtype }: ModelSummary): string =>
  JSON.stringify([family, numBlocks, params, bytes, dtype]);

/** What of a record does not change while its model is open. */
const factsOf = ({ summary, origin }: Session) => ({
  looks: looksOf(summary),
  numBlocks: summary.numBlocks,
  fileBytes: summary.bytes,
  ...(origin && { origin }),
});

export function makeKeptActions(
  context: Context,
  others: Pick<ScoreActions, 'refreshMemory'>,
): KeptActions {
  const { api, get, patch, store, recogniser, kept: shelf } = context;
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useWindows: giveWindows } = api;
  let session: Session | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Reads and writes follow each other. */
  let chain: Promise<unknown> = Promise.resolve();
  let hasWarned = false;

  const isOpen = ({ study }: Session) => get().kept.study === study;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = chain.then(work);
    chain = turn.catch(() => {});
    return turn;
  }

  /** Until the condition holds; false when another model was opened first. */
  async function until(one: Session, holds: (state: StudioState) => boolean): Promise<boolean> {
    await new Promise<void>((resolve) => {
      const isOver = () => !isOpen(one) || holds(get());
      if (isOver()) return resolve();
      const stop = store.subscribe(() => {
        if (!isOver()) return;
        stop();
        resolve();
      });
    });
    return isOpen(one);
  }

  /** The key of the open model's record; null when its files cannot be read. */
  function keyOf(one: Session): Promise<string | null> {
    one.key ??= (async () => {
      // The engine says who the model is that it has now.
      if (!(await until(one, ({ model }) => model.opening === null))) return null;
      const { current } = get().model;
      const identity = current && (await recogniser.identityOf(current));
      if (!identity) one.key = null;
      return identity && keyOfIdentity(identity);
    })();
    return one.key;
  }

  function note(result: Stored): void {
    const storage = { done: 'works', full: 'full', failed: 'none' } as const;
    if (get().kept.storage !== storage[result]) patch('kept', { storage: storage[result] });
    if (result === 'done' || hasWarned) return;
    hasWarned = true;
    context.toast(STORAGE_FAILED[result === 'full' ? 'full' : 'none']);
  }

  async function write(one: Session, own: Study): Promise<void> {
    const isEmpty = Object.keys(countsOf(own)).length === 0;
    if (!shelf || (isEmpty && one.key === null)) return;
    const key = await keyOf(one);
    if (key === null) return;
    await inTurn(async () => {
      if (isEmpty && !one.hasRecord) return;
      const { name, graph } = one.summary;
      const now = context.date();
      let counts: Record<string, number> = {};
      const result = await shelf.update(key, (stored) => {
        const merged = mergeStudies(one.base, own, readBody(stored));
        counts = countsOf(merged);
        if (Object.keys(counts).length === 0) return null;
        const times = { savedAt: now, usedAt: now };
        const about = { ...factsOf(one), name, graph, ...times, app: VERSION, counts };
        return { about, body: writeBody(merged) };
      });
      if (result === 'done') {
        one.base = own;
        one.hasRecord = Object.keys(counts).length > 0;
      }
      note(result);
    });
  }

  function clearTimer(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  function flush(state = get()): void {
    clearTimer();
    if (session && !session.paused && changed(state, session.base))
      void write(session, studyOf(state));
  }

  /** The engine forgot the windows of the curve together with its page. */
  async function continueWith(one: Session, curve: ScoreSlice['curve']): Promise<void> {
    if (!curve || !(await until(one, (state) => engineObstacle(state) === null))) return;
    if (get().score.curve !== curve) return;
    const { windows, device } = curve.result;
    await giveWindows(windows, inBrowser(device.kind)).catch((error: unknown) =>
      context.fail('plan', error),
    );
  }

  function putBack(one: Session, stored: Study, savedAt: number): void {
    const before = get();
    const merged = mergeStudies(one.base, studyOf(before), stored);
    one.base = { ...one.base, ...stored };
    one.hasRecord = true;
    store.setState(withStudy(before, merged));
    patch('kept', { restoredFrom: savedAt });
    const { score, plan } = get();
    if (plan.present !== before.plan.present) context.writeAddress();
    if (score.curve !== before.score.curve) void continueWith(one, score.curve);
    if (score.settings !== before.score.settings) void others.refreshMemory();
  }

  async function restore(one: Session): Promise<void> {
    if (!shelf) return;
    const all = await inTurn(() => shelf.list());
    if (!all) return patch('kept', { storage: 'none' });
    if (!isOpen(one)) return;
    patch('kept', { storage: 'works', models: all });
    const looks = looksOf(one.summary);
    const alike = all.filter((about) => about.looks === looks);
    // Whoever has nothing kept of it need not read its files.
    if (alike.length === 0) return;
    patch('kept', { looking: true });
    const key = await keyOf(one);
    const about = alike.find((candidate) => candidate.key === key);
    if (!about || key === null) return;
    const stored = await inTurn(async () => readBody(await shelf.read(key)));
    if (!isOpen(one) || Object.keys(countsOf(stored)).length === 0) return;
    putBack(one, stored, about.savedAt);
    context.toast(keptAreBack(one.summary.name, context.date() - about.savedAt));
    void inTurn(() => shelf.touch(key, context.date()));
  }

  async function relativeOf(about: KeptAbout): Promise<Relative> {
    const study = readBody(await shelf?.read(about.key));
    const { score, lineage, speed } = withStudy(firstState(), study);
    const { curve } = score;
    return { ...about, curve, measured: lineage.measured, speeds: speed.known };
  }

  /** What is kept of models that were made from each other, or from the same source. */
  async function readLineage(one: Session): Promise<void> {
    const all = (await shelf?.list()) ?? [];
    if (!isOpen(one)) return;
    patch('kept', { origin: one.origin ?? null });
    // Whoever has no relatives need not read its files.
    if (!one.origin && all.every(({ origin }) => !origin)) return;
    const key = await keyOf(one);
    one.origin ??= all.find((about) => about.key === key)?.origin;
    const origin = one.origin ?? null;
    const relatives = lineageOf(all, { key, origin: origin?.key ?? null });
    const lineage = await Promise.all(relatives.map(relativeOf));
    if (isOpen(one)) patch('kept', { origin, lineage });
  }

  function begin(state: StudioState): void {
    const { current } = state.model;
    session = null;
    if (!shelf || !current) return;
    const one: Session = {
      study: state.kept.study,
      summary: current.summary,
      base: studyOf(state),
      key: null,
      hasRecord: false,
      origin: originOf(current),
      paused: false,
      restored: Promise.resolve(),
    };
    session = one;
    one.restored = restore(one)
      .catch(() => {})
      .finally(() => {
        if (isOpen(one) && get().kept.looking) patch('kept', { looking: false });
      });
    void readLineage(one).catch(() => {});
  }

  /** An espalier.json that was dropped says what the open folder was made from. */
  async function learn(one: Session, { model }: StudioState): Promise<void> {
    one.origin = (model.current && originOf(model.current)) ?? one.origin;
    await readLineage(one).catch(() => {});
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.kept.study !== before.kept.study) {
      flush(before);
      begin(state);
      return;
    }
    if (!session) return;
    if (state.model.current?.madeFrom !== before.model.current?.madeFrom)
      void learn(session, state);
    if (session.paused && changed(state, session.base, true)) session.paused = false;
    if (session.paused || !changed(state, session.base)) return;
    // Asked while the engine has the model.
    if (!session.key && Object.keys(countsOf(studyOf(state))).length > 0) void keyOf(session);
    // What a job has found is stored as soon as it ends.
    if (engineJob(before) && !engineJob(state)) clearTimer();
    timer ??= setTimeout(flush, engineJob(state) ? KEEP_IN_JOB_MS : KEEP_MS);
  });
  context.onDispose(() => {
    clearTimer();
    unsubscribe();
  });

  async function listKept(): Promise<void> {
    const models = shelf ? await inTurn(() => shelf.list()) : null;
    if (models) patch('kept', { models });
  }

  /** Of the open model only what is measured from now on is kept. */
  function pause(one: Session): void {
    one.base = studyOf(get());
    one.hasRecord = false;
    one.paused = true;
    patch('kept', { restoredFrom: null });
  }

  void listKept().catch(() => {});

  /** The healings and quantisations of a model, or of all, go with what is kept of it. */
  async function forgetResults(key: string | null): Promise<void> {
    const { current } = get().model;
    const healings = await api.forgetHealingsOf(key).catch(() => null);
    const quantisations = await api.forgetQuantisationsOf(key).catch(() => null);
    if (get().model.current !== current) return;
    if (healings) patch('heal', { shelf: healings });
    if (quantisations) patch('quantise', { shelf: quantisations });
  }

  return {
    async untilRestored() {
      await session?.restored;
      return get().score.curve !== null;
    },
    keepNow: () => flush(),
    listKept,
    async eraseKept(key) {
      const erased = shelf ? await inTurn(() => shelf.erase(key)) : false;
      patch('kept', { lineage: get().kept.lineage.filter((relative) => relative.key !== key) });
      const one = session;
      if (one && (await one.key) === key) pause(one);
      await forgetResults(key);
      context.announce(erased ? 'The kept results were erased.' : 'They could not be erased.');
      await listKept();
    },
    async eraseAllKept() {
      const erased = shelf ? await inTurn(() => shelf.eraseAll()) : false;
      patch('kept', { lineage: [] });
      if (session) pause(session);
      await forgetResults(null);
      context.announce(erased ? 'All kept results were erased.' : 'They could not be erased.');
      await listKept();
    },
  };
}
