// The checkpoints of long jobs in this browser: which belongs to which model, windows, device and
// settings, and which of these jobs no tab is running.

import type { HealRequest } from '../contract/heal.ts';
import type { Interrupted, ResumableWork } from '../contract/interrupted.ts';
import type { QuantiseRequest } from '../contract/quantise.ts';
import { type JobShelf, makeJobShelf } from '../files/checkpoints.ts';
import type { Identity } from '../model/export/identity.ts';
import type { Checkpoint, CheckpointStore } from '../runtime/checkpoint/checkpoint.ts';
import { sha256OfText } from '../text/hash.ts';
import { VERSION } from '../version.ts';

/**
 * Everything that a job's numbers follow from, besides the model. The memory budget decides how,
 * not what.
 */
export type JobFacts = Pick<Interrupted, 'device'> &
  (
    | (Extract<ResumableWork, { settings: unknown }> & { windows: number[][] })
    | Pick<Extract<ResumableWork, { job: 'heal' }>, 'job' | 'request'>
    | Pick<Extract<ResumableWork, { job: 'quantise' }>, 'job' | 'request'>
    | Extract<ResumableWork, { job: 'tasks' }>
  );

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What is written down beside the body. */
type About = Without<Interrupted, 'key' | 'job' | 'savedAt'>;

/**
 * Runs a job with a place for its checkpoints. `resumed` = what an interrupted run of the
 * same job has done, or null.
 */
export type WithCheckpoints = <T>(
  facts: JobFacts,
  onNote: (text: string) => void,
  work: (store: CheckpointStore, resumed: Checkpoint | null) => Promise<T>,
) => Promise<T>;

/** A longer text is not stored; its windows are, which give the same numbers. */
const MOST_TEXT = 4e6;
/** Time within which a browser releases the locks of a worker that died, ms. */
const LOCK_MS = 1000;

export class Checkpoints {
  private readonly shelf: JobShelf;

  constructor(shelf: JobShelf = makeJobShelf()) {
    this.shelf = shelf;
  }

  /**
   * For a job that is about to start: where checkpoints exist, the model is identified while
   * weights and programs are still being loaded.
   */
  begin(identity: () => Promise<Identity>): WithCheckpoints {
    const listed = this.shelf.list();
    const earlier = listed.then((jobs) => (jobs.length > 0 ? identity() : null)).catch(() => null);
    return async (facts, onNote, work) => {
      let key: Promise<[key: string, modelKey: string]> | null = null;
      const keys = () => {
        key ??= identity().then(async (found) => [await jobKey(found, facts), modelKeyOf(found)]);
        return key;
      };
      const found = (await earlier) && (await this.load(keys));
      if (found) onNote(`Resumed at ${percentOf(found)} %.`);
      const other = (await earlier) && !found ? await this.onOther(identity, facts) : null;
      if (other)
        onNote(
          `An interrupted run on ${other.device} is not continued on ${facts.device.name}, whose ` +
            'sums may differ in their last digits: this run starts from the beginning.',
        );
      const lock = new JobLock();
      if (found) lock.hold((await keys())[0]);
      try {
        const store = this.store(facts, keys, found, lock, onNote);
        return await work(other ? replacing(store, () => this.forget(other.key)) : store, found);
      } finally {
        await lock.release();
      }
    };
  }

  /**
   * Jobs on this model that were interrupted, newest first; not those that another tab runs. Reads
   * the model only where checkpoints exist.
   */
  async interrupted(identity: () => Promise<Identity>): Promise<Interrupted[]> {
    const jobs = await this.shelf.list();
    if (jobs.length === 0) return [];
    const modelKey = modelKeyOf(await identity());
    const own = jobs.filter((one) => one.modelKey === modelKey);
    let running = await heldLocks();
    if (own.some(({ key }) => running.has(lockName(key)))) {
      // The locks of a worker that has just died may not be released yet.
      await new Promise((resolve) => setTimeout(resolve, LOCK_MS));
      running = await heldLocks();
    }
    return own
      .filter(({ key }) => !running.has(lockName(key)))
      .flatMap(({ key, job, savedAt, about }) =>
        isAbout(about) ? [{ ...about, key, job, savedAt } as Interrupted] : [],
      );
  }

  forget(key: string): Promise<void> {
    return this.shelf.forget(key);
  }

  private async load(keys: () => Promise<[string, string]>): Promise<Checkpoint | null> {
    try {
      const [key] = await keys();
      const about = (await this.shelf.list()).find((one) => one.key === key)?.about;
      const body = isAbout(about) ? await this.shelf.body(key) : undefined;
      return isAbout(about) && body !== undefined
        ? { done: about.done, total: about.total, body }
        : null;
    } catch {
      return null;
    }
  }

  /** The same job as it was left on another number of threads, or another device of the kind. */
  private async onOther(
    identity: () => Promise<Identity>,
    facts: JobFacts,
  ): Promise<{ key: string; device: string } | null> {
    for (const { key, about } of await this.shelf.list().catch(() => [])) {
      if (!isAbout(about) || about.device.kind !== facts.device.kind) continue;
      const asThere = await jobKey(await identity(), { ...facts, device: about.device });
      if (asThere === key) return { key, device: about.device.name };
    }
    return null;
  }

  private store(
    facts: JobFacts,
    keys: () => Promise<[string, string]>,
    found: Checkpoint | null,
    lock: JobLock,
    onNote: (text: string) => void,
  ): CheckpointStore {
    const { job, device } = facts;
    const asked = bounded(facts);
    let warned = false;
    return {
      load: async () => found,
      save: async ({ done, total, body }) => {
        const about: About = { ...asked, device, done, total };
        const stored = await keys()
          .then(([key, modelKey]) => {
            lock.hold(key);
            return this.shelf.keep({ key, modelKey, job, savedAt: Date.now(), about }, body);
          })
          .catch(() => false);
        if (!stored && !warned)
          onNote(
            'The browser cannot store the progress of this run: if it is interrupted, it will ' +
              'start from the beginning.',
          );
        warned ||= !stored;
      },
      clear: async () => {
        const key = await keys().catch(() => null);
        if (key) await this.shelf.forget(key[0]);
      },
    };
  }
}

/** A store whose job also ends what it was not continued from. */
const replacing = (store: CheckpointStore, forget: () => Promise<void>): CheckpointStore => ({
  ...store,
  clear: async () => {
    await store.clear();
    await forget();
  },
});

/** Whole percent of a job that is neither at its start nor at its end. */
const percentOf = ({ done, total }: Checkpoint) =>
  Math.max(1, Math.min(99, Math.floor((100 * done) / total)));

/** Includes the version: another one may compute differently or write another format. */
const modelKeyOf = ({ graphSha256, weightsSha256 }: Identity) =>
  `${VERSION} ${graphSha256} ${weightsSha256}`;

async function jobKey(identity: Identity, facts: JobFacts): Promise<string> {
  const { job, device } = facts;
  const of = [modelKeyOf(identity), job];
  const where = [device.kind, device.name];
  const all =
    'request' in facts
      ? [...of, await requestFacts(facts), ...where]
      : [...of, facts.search, ...where, facts.windows];
  return sha256OfText(JSON.stringify(all));
}

type Field = { kind: string } | number | null;

/** Of a request's data: texts, and numbers beside them. */
const fieldsOf = (data: object): [string, Field][] => Object.entries(data);

type WithRequest = Extract<JobFacts, { request: unknown }>;

/** What the numbers of a request follow from; texts by their hashes. */
async function requestFacts(facts: WithRequest): Promise<unknown> {
  if (facts.job === 'tasks') {
    const { device: _, budgetBytes: __, ...rest } = facts.request;
    return [sorted(rest), facts.data.map(({ task, sha256 }) => [task, sha256])];
  }
  const { device: _, budgetBytes: __, data, ...rest } = facts.request;
  const hashed = fieldsOf(data).map(async ([name, one]) => [
    name,
    isText(one) ? { ...one, text: await sha256OfText(one.text) } : one,
  ]);
  return [sorted(rest), await Promise.all(hashed)];
}

const sorted = (fields: object) => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));

const isText = (one: Field): one is { kind: string; name: string; text: string } =>
  typeof one === 'object' && one !== null && 'text' in one;

/** What was asked for, with texts as far as they are stored. */
function bounded(facts: JobFacts): Without<ResumableWork, 'job'> {
  if (facts.job === 'heal') return boundedRequest(facts.request);
  if (facts.job === 'quantise') return boundedRequest(facts.request);
  if (facts.job === 'tasks') return { request: facts.request, data: facts.data };
  const { settings, search, windows } = facts;
  const { text } = settings;
  const isLong = text.kind === 'text' && text.text.length > MOST_TEXT;
  return {
    settings: isLong ? { ...settings, text: { kind: 'ids', name: text.name, windows } } : settings,
    search,
  };
}

/** A request without its long texts, and the names of these. */
function boundedRequest<R extends HealRequest | QuantiseRequest>(
  request: R,
): { request: R; missing: string[] } {
  const texts = fieldsOf(request.data);
  const isLong = (one: Field) => isText(one) && one.text.length > MOST_TEXT;
  const missing = texts.flatMap(([, one]) => (isText(one) && isLong(one) ? [one.name] : []));
  const data = texts.map(([name, one]) => [
    name,
    isText(one) && isLong(one) ? { ...one, text: '' } : one,
  ]);
  return { request: { ...request, data: Object.fromEntries(data) }, missing };
}

function isAbout(value: unknown): value is About {
  const about = value as Partial<Record<string, unknown>> | null | undefined;
  const asked = about?.request === undefined ? about?.settings : about.request;
  return (
    typeof asked === 'object' &&
    asked !== null &&
    typeof about?.device === 'object' &&
    Number.isFinite(about.done) &&
    Number.isFinite(about.total) &&
    (about.request === undefined
      ? about.search !== undefined
      : Array.isArray(about.missing) || Array.isArray(about.data))
  );
}

const lockName = (key: string) => `espalier job ${key}`;
const locks = () =>
  typeof navigator === 'undefined' ? undefined : (navigator as Partial<typeof navigator>).locks;

/** Shows other tabs that a job runs; the browser releases it when the worker dies. */
class JobLock {
  private end = (): void => {};
  private readonly over = new Promise<void>((resolve) => {
    this.end = resolve;
  });
  private held: Promise<unknown> | null = null;

  hold(key: string): void {
    this.held ??=
      locks()?.request(lockName(key), { ifAvailable: true }, () => this.over) ?? Promise.resolve();
    this.held.catch(() => {});
  }

  async release(): Promise<void> {
    this.end();
    await this.held?.catch(() => {});
  }
}

async function heldLocks(): Promise<Set<string | undefined>> {
  const state = await locks()
    ?.query()
    .catch(() => null);
  return new Set(state?.held?.map(({ name }) => name));
}
