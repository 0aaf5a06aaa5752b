// The healings of the open model: what is kept of each, what it was asked for, its weights.

import type { HealingShelf, HealOutcome, HealRequest, KeptHealing } from '../../contract/heal.ts';
import { EspalierError } from '../../errors.ts';
import { keptResults, MOST_KEPT_BYTES, type ResultStore } from '../../files/keptResults.ts';
import type { Identity } from '../../model/export/identity.ts';
import { type Healing, healingBytes, type WeightChange } from '../../model/healing/healing.ts';
import { ResultShelf, type ShelfKind } from '../resultShelf.ts';

/** As it is stored. */
interface HealingBody {
  changes: readonly WeightChange[];
  /** What was asked for; null where its texts were too long to be kept. */
  request: HealRequest | null;
}

/** A healing with what it was asked for. */
interface HeldHealing extends HealingBody {
  kept: KeptHealing;
}

/** Longer texts are not kept: the original cannot be trained on them later. */
const MOST_TEXT = 16e6;

const KIND: ShelfKind<KeptHealing, HealingBody> = {
  isKept,
  isBody,
  bytesOf: ({ kept, body }) => kept.bytes + (body.request ? textBytes(body.request) : 0),
  gone: () =>
    new EspalierError(
      'bad-input',
      'This healing is no longer there: it was erased, here or in another tab.',
      'Heal the plan again.',
    ),
};

export class Healings {
  private readonly kept: ResultShelf<KeptHealing, HealingBody>;

  constructor(store: ResultStore = keptResults('healings'), most = MOST_KEPT_BYTES) {
    this.kept = new ResultShelf(store, KIND, most);
  }

  /** Another model is open. */
  reset(identity: () => Promise<Identity>): void {
    this.kept.reset(identity);
  }

  async shelf(): Promise<HealingShelf> {
    const { all, bytes } = await this.kept.list();
    return { healings: all, bytes, mostBytes: this.kept.most };
  }

  /** @throws EspalierError `bad-input` where it is not there */
  async get(id: string): Promise<Healing> {
    const { kept, changes } = await this.find(id);
    return { id, removed: kept.removed, changes, record: kept.record };
  }

  /** The same with its request. */
  async find(id: string): Promise<HeldHealing> {
    const { kept, body } = await this.kept.find(id);
    return { kept, ...body };
  }

  /** Keeps a healing; an equal one takes its place. */
  async put(
    about: Omit<KeptHealing, 'stored' | 'bytes' | 'canControl'>,
    changes: readonly WeightChange[],
    request: HealRequest,
  ): Promise<HealOutcome> {
    const bounded = boundedRequest(request);
    const before = await this.kept.about(about.id);
    const kept: KeptHealing = {
      ...about,
      // What was asked for once is not the first to go because the switch made it again.
      passing: about.passing && before?.passing !== false,
      bytes: healingBytes({ changes }),
      stored: true,
      canControl: bounded !== null && request.methods.some(({ method }) => method !== 'refit'),
    };
    const held = { kept, body: { changes, request: bounded } };
    const { kept: healing, gone } =
      changes.length > 0 ? await this.kept.put(held, kept.passing) : this.withoutChanges(held);
    const { bytes, mostBytes } = await this.shelf();
    return { healing, gone, bytes, mostBytes };
  }

  /** Its best state was its start: there is nothing to store, and equal ones are not one. */
  private withoutChanges(held: { kept: KeptHealing; body: HealingBody }) {
    const { removed, savedAt } = held.kept;
    const kept = { ...held.kept, id: `none ${removed.join()} ${savedAt}`, stored: false };
    return { kept, gone: this.kept.holdOnly({ ...held, kept }) };
  }

  /** A kept healing with another record: what the same text does to the original. */
  change(id: string, fields: Pick<KeptHealing, 'record'>): Promise<KeptHealing> {
    return this.kept.change(id, fields);
  }

  /** Erases one, or all of the model. */
  async forget(id: string | null): Promise<HealingShelf> {
    await this.kept.forget(id);
    return this.shelf();
  }

  /** Erases those of a model, by its key, or of all models. */
  async forgetOf(model: string | null): Promise<HealingShelf> {
    await this.kept.forgetOf(model);
    return this.shelf();
  }
}

const textsOf = ({ data: { text, foreign } }: HealRequest): string[] =>
  [text, foreign].flatMap((one) => (one && 'text' in one ? [one.text] : []));

const textBytes = (request: HealRequest): number =>
  textsOf(request).reduce((sum, text) => sum + 2 * text.length, 0);

const boundedRequest = (request: HealRequest): HealRequest | null =>
  textsOf(request).reduce((sum, text) => sum + text.length, 0) <= MOST_TEXT ? request : null;

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

function isBody(value: unknown): value is HealingBody {
  const body = value as Partial<HealingBody> | null | undefined;
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
