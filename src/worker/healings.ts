// The healings of the open model: those that this browser keeps, and those that it could not store,
// which stay in memory until the page is closed.

import type { HealingShelf, HealOutcome, HealRequest, KeptHealing } from '../contract/heal.ts';
import { EspalierError } from '../errors.ts';
import {
  type HealingStore,
  MOST_HEALING_BYTES,
  makeHealingStore,
  type StoredHealing,
} from '../files/keptHealings.ts';
import type { Identity } from '../model/export/identity.ts';
import { type Healing, healingBytes, type WeightChange } from '../model/healing/healing.ts';

/** A healing with what it was asked for; null where its texts were too long to be kept. */
export interface HeldHealing {
  kept: KeptHealing;
  changes: readonly WeightChange[];
  request: HealRequest | null;
}

/** Longer texts are not kept: the original cannot be trained on them later. */
const MOST_TEXT = 16e6;
/** Healings that were asked for last and are at hand without reading them again. */
const MOST_AT_HAND = 2;

export class Healings {
  private readonly store: HealingStore;
  private readonly most: number;
  private identity: () => Promise<Identity> = () => Promise.reject(gone());
  /** By id, the one used last at the end. */
  private held = new Map<string, HeldHealing>();

  constructor(store: HealingStore = makeHealingStore(), most = MOST_HEALING_BYTES) {
    this.store = store;
    this.most = most;
  }

  /** Another model is open. */
  reset(identity: () => Promise<Identity>): void {
    this.identity = identity;
    this.held = new Map();
  }

  /** Reads the model only where healings are stored. */
  async shelf(): Promise<HealingShelf> {
    const all = (await this.store.list()) ?? [];
    const modelKey = all.length > 0 ? await this.modelKey() : '';
    const stored = all.flatMap((one) =>
      one.modelKey === modelKey && isKept(one.about) ? [one.about] : [],
    );
    const unstored = [...this.held.values()]
      .map(({ kept }) => kept)
      .filter((kept) => !kept.stored && !stored.some(({ id }) => id === kept.id));
    const healings = [...stored, ...unstored].sort((a, b) => b.savedAt - a.savedAt);
    const bytes = all.reduce((sum, one) => sum + one.bytes, 0);
    return { healings, bytes, mostBytes: this.most };
  }

  /** @throws EspalierError `bad-input` where it is not there */
  async get(id: string): Promise<Healing> {
    const { kept, changes } = await this.find(id);
    return { id, removed: kept.removed, changes, record: kept.record };
  }

  /** The same with its request. */
  async find(id: string): Promise<HeldHealing> {
    const held = this.held.get(id);
    if (held) {
      this.hold(held);
      return held;
    }
    const key = await this.keyOf(id);
    const about = (await this.store.list())?.find((one) => one.key === key)?.about;
    const body = await this.store.body(key);
    if (!isKept(about) || !isBody(body)) throw gone();
    const found = { kept: about, ...body };
    this.hold(found);
    await this.store.say(key, { usedAt: Date.now() });
    return found;
  }

  /** Keeps a healing; an equal one takes its place. */
  async put(
    about: Omit<KeptHealing, 'stored' | 'bytes' | 'canControl'>,
    changes: readonly WeightChange[],
    request: HealRequest,
  ): Promise<HealOutcome> {
    const bounded = boundedRequest(request);
    const bytes = healingBytes({ changes });
    const key = await this.keyOf(about.id);
    const before = (await this.store.list())?.find((one) => one.key === key);
    const kept = {
      ...about,
      // What was asked for once is not the first to go because the switch made it again.
      passing: about.passing && before?.passing !== false,
      bytes,
      stored: true,
      canControl: bounded !== null && request.methods.some(({ method }) => method !== 'refit'),
    };
    const body = { changes, request: bounded };
    if (changes.length === 0) return this.withoutChanges({ kept, ...body });
    const record: StoredHealing = {
      key,
      modelKey: await this.modelKey(),
      bytes: bytes + (bounded ? textBytes(bounded) : 0),
      usedAt: about.savedAt,
      passing: kept.passing,
      about: kept,
    };
    const inUse = await Promise.all([...this.held.keys()].map((id) => this.keyOf(id)));
    const { stored, gone: erased } = await this.store.keep(record, body, new Set(inUse));
    const healing = { ...kept, stored: stored === 'done' };
    this.hold({ kept: healing, changes, request: bounded });
    const made = erased.flatMap((one) => (isKept(one.about) ? [one.about] : []));
    const { bytes: all, mostBytes } = await this.shelf();
    return { healing, gone: [...made, ...this.bound()], bytes: all, mostBytes };
  }

  /** Its best state was its start: there is nothing to store, and equal ones are not one. */
  private async withoutChanges(held: HeldHealing): Promise<HealOutcome> {
    const { removed, savedAt } = held.kept;
    const healing = { ...held.kept, id: `none ${removed.join()} ${savedAt}`, stored: false };
    this.hold({ ...held, kept: healing });
    const { bytes, mostBytes } = await this.shelf();
    return { healing, gone: this.bound(), bytes, mostBytes };
  }

  /** A kept healing with another record: what the same text does to the original. */
  async change(id: string, fields: Pick<KeptHealing, 'record'>): Promise<KeptHealing> {
    const held = await this.find(id);
    const kept = { ...held.kept, ...fields };
    this.hold({ ...held, kept });
    if (kept.stored) await this.store.say(await this.keyOf(id), { about: kept });
    return kept;
  }

  /** Erases one, or all of the model. */
  async forget(id: string | null): Promise<HealingShelf> {
    const ids = id === null ? (await this.shelf()).healings.map((one) => one.id) : [id];
    await this.store.forget(await Promise.all(ids.map((one) => this.keyOf(one))));
    for (const one of ids) this.held.delete(one);
    return this.shelf();
  }

  /** Erases those of a model, by its key, or of all models. */
  async forgetOf(model: string | null): Promise<HealingShelf> {
    const all = (await this.store.list()) ?? [];
    const own = all.filter(({ modelKey }) => model === null || modelKey === model);
    await this.store.forget(own.map(({ key }) => key));
    const isOpen = () => this.modelKey().catch(() => null);
    if (model === null || (await isOpen()) === model) this.held.clear();
    return this.shelf();
  }

  private hold(held: HeldHealing): void {
    const { id } = held.kept;
    this.held.delete(id);
    this.held.set(id, held);
    const atHand = [...this.held.values()].filter(({ kept }) => kept.stored);
    for (const { kept } of atHand.slice(0, -MOST_AT_HAND)) this.held.delete(kept.id);
  }

  /** Of those that could not be stored, the oldest go when they are too many. */
  private bound(): KeptHealing[] {
    const lost: KeptHealing[] = [];
    const unstored = [...this.held.values()].filter(({ kept }) => !kept.stored);
    const sizeOf = ({ kept, request }: HeldHealing): number =>
      kept.bytes + (request ? textBytes(request) : 0);
    let bytes = unstored.reduce((sum, one) => sum + sizeOf(one), 0);
    for (const one of unstored.slice(0, -MOST_AT_HAND)) {
      if (bytes <= this.most) break;
      bytes -= sizeOf(one);
      this.held.delete(one.kept.id);
      lost.push(one.kept);
    }
    return lost;
  }

  private async modelKey(): Promise<string> {
    const { graphSha256, weightsSha256 } = await this.identity();
    return `${graphSha256} ${weightsSha256}`;
  }

  private async keyOf(id: string): Promise<string> {
    return `${await this.modelKey()} ${id}`;
  }
}

const textsOf = ({ data: { text, foreign } }: HealRequest): string[] =>
  [text, foreign].flatMap((one) => (one && 'text' in one ? [one.text] : []));

const textBytes = (request: HealRequest): number =>
  textsOf(request).reduce((sum, text) => sum + 2 * text.length, 0);

const boundedRequest = (request: HealRequest): HealRequest | null =>
  textsOf(request).reduce((sum, text) => sum + text.length, 0) <= MOST_TEXT ? request : null;

function gone(): EspalierError {
  return new EspalierError(
    'bad-input',
    'This healing is no longer there: it was erased, here or in another tab.',
    'Heal the plan again.',
  );
}

function isKept(value: unknown): value is KeptHealing {
  const kept = value as Partial<KeptHealing> | null | undefined;
  return (
    typeof kept?.id === 'string' &&
    Array.isArray(kept.removed) &&
    Array.isArray(kept.methods) &&
    Array.isArray(kept.record?.steps) &&
    Array.isArray(kept.record?.measured)
  );
}

function isBody(value: unknown): value is Omit<HeldHealing, 'kept'> {
  const body = value as Partial<HeldHealing> | null | undefined;
  return Array.isArray(body?.changes) && body.changes.every(isChange);
}

function isChange(value: unknown): value is WeightChange {
  const change = value as Partial<WeightChange> | null | undefined;
  if (typeof change?.tensor !== 'string') return false;
  return change.kind === 'replaced'
    ? change.values instanceof Uint8Array
    : change.kind === 'low-rank' &&
        change.a instanceof Uint8Array &&
        change.b instanceof Uint8Array &&
        Array.isArray(change.columns);
}
