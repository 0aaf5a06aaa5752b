// What the page knows of quantising: what to do, what runs, which quantisations are kept and which
// one counts.

import type { Progress } from '../../contract/progress.ts';
import type {
  KeptQuantisation,
  QuantisationShelf,
  QuantiseData,
  QuantiseEstimate,
  QuantiseRequest,
} from '../../contract/quantise.ts';
import { QUANTISE_DATA, QUANTISE_DEFAULTS } from '../../contract/quantiseDefaults.ts';
import type { ErrorReport } from '../../errors.ts';
import {
  BLOCK_SIZES,
  type BlockSize,
  type MatrixForm,
  type MixedChoice,
  type QuantisedDtype,
  type QuantiseSettings,
  type TableForm,
} from '../../model/quantise/quantisation.ts';
import { either, type Form, flag, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import type { Slice } from '../slice.ts';

/** How matrices in more bits are chosen, as typed; both numbers stay while one is in use. */
export interface MixedForm {
  kind: 'off' | MixedChoice['kind'];
  /** More than all in few bits take. */
  bytes: number;
  /** Of predicted loss that may be left, per token. */
  nats: number;
}

/** What a quantisation is to do, as typed. */
export interface QuantiseForm {
  dtype: QuantisedDtype;
  /** What does not go with the precision or the method stays here, and is not asked for. */
  settings: QuantiseSettings;
  mixed: MixedForm;
  /** By stored tensor, by hand. */
  forms: Readonly<Record<string, MatrixForm>>;
  data: QuantiseData;
}

export interface RunningQuantise {
  request: QuantiseRequest;
  /** Of matrices measured so far, by `sensitivityKey`, nats per token. */
  sensitivities: ReadonlyMap<string, number>;
  notes: readonly string[];
}

export interface QuantiseSlice {
  form: QuantiseForm;
  running: RunningQuantise | null;
  paused: boolean;
  progress: Progress | null;
  /** What is kept for the model; null until it was read. */
  shelf: QuantisationShelf | null;
  /**
   * Id of the quantisation that counts for its plan, healing and precision; those of other plans
   * and precisions have their newest one.
   */
  used: string | null;
  /** Id of the quantisation that is shown as the result, of whichever plan; null before any. */
  shown: string | null;
  /** What the form would take, and of which request; `error` where it cannot be done. */
  estimate: { key: string; value: QuantiseEstimate | null; error: ErrorReport | null } | null;
  /** Key of the request that is being estimated. */
  estimating: string | null;
}

const FIRST_FORM: QuantiseForm = {
  dtype: 'q4',
  settings: QUANTISE_DEFAULTS,
  mixed: { kind: 'off', bytes: 1_000_000, nats: 0.01 },
  forms: {},
  data: QUANTISE_DATA,
};

const first: QuantiseSlice = {
  form: FIRST_FORM,
  running: null,
  paused: false,
  progress: null,
  shelf: null,
  used: null,
  shown: null,
  estimate: null,
  estimating: null,
};

const idle = { running: null, paused: false, progress: null, estimating: null };

type Source = QuantiseData['calibration'];

const source: Form<Source> = either(
  shape<Extract<Source, { kind: 'bundled' }>>({ kind: oneOf('bundled') }),
  shape<Extract<Source, { kind: 'text' }>>({ kind: oneOf('text'), name: text, text }),
);

const among = <T>(...values: readonly T[]): Form<T> =>
  ((value: unknown) => values.includes(value as T)) as Form<T>;

const table = among<TableForm>('keep', 4, 8);
const matrixForm = among<MatrixForm>('float', 4, 8);

const forms = ((value: unknown) =>
  typeof value === 'object' && value !== null && Object.values(value).every(matrixForm)) as Form<
  QuantiseForm['forms']
>;

const form = shape<QuantiseForm>({
  dtype: oneOf('q4', 'q4f16', 'q8'),
  settings: shape<QuantiseSettings>({
    method: oneOf('rtn', 'hqq', 'gptq'),
    bits: among<4 | 8>(4, 8),
    block: among<BlockSize>(...BLOCK_SIZES),
    symmetric: flag,
    floatZeros: flag,
    embedding: table,
    head: table,
    accuracyLevel: among<0 | 4>(0, 4),
  }),
  mixed: shape<MixedForm>({ kind: oneOf('off', 'bytes', 'loss'), bytes: number, nats: number }),
  forms,
  data: shape<QuantiseData>({
    calibration: source,
    samples: number,
    length: number,
    heldOut: orNull(source),
  }),
});

/** A longer text is not kept with the form: the bundled one takes its place. */
const MOST_TEXT = 4e6;

function packed(all: QuantiseForm): QuantiseForm {
  const kept = <T extends QuantiseData['heldOut']>(one: T) =>
    one?.kind === 'text' && one.text.length > MOST_TEXT ? ({ kind: 'bundled' } as const) : one;
  const { calibration, heldOut } = all.data;
  return { ...all, data: { ...all.data, calibration: kept(calibration), heldOut: kept(heldOut) } };
}

export const QUANTISE: Slice<QuantiseSlice> = {
  first,
  keep: (slice, opened) =>
    opened === 'same-model'
      ? { ...slice, ...idle }
      : // Matrices that were chosen by hand are those of the model before.
        { ...first, form: { ...slice.form, forms: {} } },
  // The quantisations themselves are kept by the worker.
  kept: {
    version: 1,
    isMeasured: false,
    fields: {
      form: { is: form, pack: packed },
      used: { is: orNull(text) },
      shown: { is: orNull(text) },
    },
    count: () => 0,
  },
};

/** The quantisation of the shelf with this id. */
export const quantisationOf = (
  { shelf }: Pick<QuantiseSlice, 'shelf'>,
  id: string | null | undefined,
): KeptQuantisation | null => (id && shelf?.quantisations.find((one) => one.id === id)) || null;
