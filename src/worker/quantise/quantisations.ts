// The quantisations of the open model: what is kept of each, and what GPTQ computed.

import type { KeptQuantisation, QuantisationShelf } from '../../contract/quantise.ts';
import { EspalierError } from '../../errors.ts';
import { keptResults, MOST_KEPT_BYTES, type ResultStore } from '../../files/keptResults.ts';
import type { Identity } from '../../model/export/identity.ts';
import { fromPrecision } from '../../model/quantise/id.ts';
import type {
  ComputedMatrix,
  Quantisation,
  QuantisedDtype,
} from '../../model/quantise/quantisation.ts';
import { ResultShelf, type ShelfKind } from '../resultShelf.ts';

/** As it is stored. */
interface QuantisedBody {
  computed: readonly ComputedMatrix[];
}

const KIND: ShelfKind<KeptQuantisation, QuantisedBody> = {
  isKept,
  isBody,
  bytesOf: ({ kept }) => kept.keptBytes,
  gone: () =>
    new EspalierError(
      'bad-input',
      'This quantisation is no longer there: it was erased, here or in another tab.',
      'Quantise the plan again.',
    ),
};

export class Quantisations {
  private readonly kept: ResultShelf<KeptQuantisation, QuantisedBody>;

  constructor(store: ResultStore = keptResults('quantisations'), most = MOST_KEPT_BYTES) {
    this.kept = new ResultShelf(store, KIND, most);
  }

  /** Another model is open. */
  reset(identity: () => Promise<Identity>): void {
    this.kept.reset(identity);
  }

  async shelf(): Promise<QuantisationShelf> {
    const { all, bytes } = await this.kept.list();
    return { quantisations: all, bytes, mostBytes: this.kept.most };
  }

  /**
   * One that was made in another precision of as many bits serves as well, without what was
   * measured in that.
   * @throws EspalierError `bad-input` where it is not there
   */
  async get(id: string): Promise<Quantisation> {
    const { id: own } = idParts(id);
    const { quantisations } = await this.shelf();
    const all = quantisations.filter(({ quantisation }) => quantisation.id === own);
    const found = all.find((one) => one.id === id) ?? all[0];
    const { kept, body } = await this.kept.find(found?.id ?? id);
    const { record, ...made } = kept.quantisation;
    const measured = kept.id === id ? record.measured : [];
    return { ...made, record: { ...record, measured }, computed: body.computed };
  }

  /** Keeps one; an equal one takes its place. @returns it, and what made room for it */
  put(kept: KeptQuantisation, computed: readonly ComputedMatrix[]) {
    return this.kept.put({ kept, body: { computed } }, false);
  }

  /** Erases one, or all of the model. */
  async forget(id: string | null): Promise<QuantisationShelf> {
    await this.kept.forget(id);
    return this.shelf();
  }

  /** Erases those of a model, by its key, or of all models. */
  async forgetOf(model: string | null): Promise<QuantisationShelf> {
    await this.kept.forgetOf(model);
    return this.shelf();
  }
}

/** The precision and the quantisation of a kept one. @throws EspalierError `bad-input` */
export function idParts(kept: string): { dtype: QuantisedDtype; id: string } {
  const found = fromPrecision(kept);
  if (!found) throw KIND.gone();
  return found;
}

/** Bytes of what GPTQ computed. */
export const computedBytes = (computed: readonly ComputedMatrix[]): number =>
  computed.reduce(
    (sum, { weights, scales, zeros }) => sum + weights.length + scales.length + zeros.length,
    0,
  );

function isKept(value: unknown): value is KeptQuantisation {
  const kept = value as Partial<KeptQuantisation> | null | undefined;
  return (
    typeof kept?.id === 'string' &&
    typeof kept.dtype === 'string' &&
    typeof kept.quantisation?.settings === 'object' &&
    Array.isArray(kept.quantisation.removed) &&
    Array.isArray(kept.quantisation.record?.measured) &&
    typeof kept.asked?.data === 'object' &&
    Array.isArray(kept.matrices)
  );
}

function isBody(value: unknown): value is QuantisedBody {
  const body = value as Partial<QuantisedBody> | null | undefined;
  return Array.isArray(body?.computed) && body.computed.every(isComputed);
}

function isComputed(value: unknown): value is ComputedMatrix {
  const one = value as Partial<ComputedMatrix> | null | undefined;
  return (
    typeof one?.tensor === 'string' &&
    [one.weights, one.scales, one.zeros].every((bytes) => bytes instanceof Uint8Array)
  );
}
