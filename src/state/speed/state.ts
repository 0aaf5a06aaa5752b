// What the page knows of speed: measurements of original and plan, and batch sweeps.

import type { Progress } from '../../contract/progress.ts';
import type {
  Gain,
  MeasureResult,
  SpeedSettings,
  SweepResult,
  Which,
} from '../../contract/speed.ts';
import type { VariantInfo } from '../../contract/variant.ts';
import { EXPORT_DTYPES, type ExportDtype } from '../../model/export/steps.ts';
import type { Unit } from '../../units.ts';
import { listOf, mapOf, maybe, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import { gain, measureResult, sweepResult, units } from '../kept/forms.ts';
import { joinMaps } from '../kept/part.ts';
import type { Slice } from '../slice.ts';
import type { DeviceAsked, Pace } from './pace.ts';

/** A finished measurement with what it belongs to. */
export interface Measured {
  /** Of plan, settings and device, as `speedKey` makes it. */
  key: string;
  removed: readonly Unit[];
  /** The precision in which the plan was written; absent for the source's. */
  dtype?: ExportDtype;
  /** Id of the healing whose weights were run; absent: those of the source. */
  healing?: string | undefined;
  /** In few bits: by what, the key of its `Written`. */
  quantised?: string | undefined;
  /** Of all measurements with this key, where they could be pooled; else of the newest. */
  result: MeasureResult;
  /**
   * The gain of each measurement that is pooled in `result`, oldest first; absent for a single one.
   */
  gains?: readonly Gain[];
  /**
   * Tokens/s that earlier measurements of other plans predicted for this one, or null when they
   * could not.
   */
  predicted: number | null;
}

/** A measurement under way. */
export interface Measuring {
  key: string;
  removed: readonly Unit[];
  dtype?: ExportDtype;
  healing?: string | undefined;
  quantised?: string | undefined;
  settings: SpeedSettings;
  /** Started by itself: gives way to everything else. */
  auto: boolean;
  loaded: { readonly [W in Which]?: VariantInfo };
  /** Throughput of the timed runs so far, tokens/s. */
  samples: { readonly [W in Which]: readonly number[] };
}

/** A finished batch sweep with what it belongs to. */
export interface Swept {
  key: string;
  removed: readonly Unit[];
  healing?: string | undefined;
  result: SweepResult;
}

export interface SpeedSlice {
  /**
   * A settled plan is quick-measured by itself, however long that takes; never, when false; null
   * while nobody has said so: then what takes long is asked about first.
   */
  auto: boolean | null;
  running: Measuring | null;
  progress: Progress | null;
  /** What the meter remarked during the job that runs. */
  notes: readonly string[];
  /**
   * Measurements of this model by key, oldest first.
   */
  known: ReadonlyMap<string, Measured>;
  /** How fast each device was with the model that it measured last; stays when another opens. */
  paces: ReadonlyMap<DeviceAsked, Pace>;
  /** What the cards show; of another plan when its `removed` differ from the plan's. */
  shown: Measured | null;
  sweep: { running: { removed: readonly Unit[] } | null; shown: Swept | null };
}

const first: SpeedSlice = {
  auto: null,
  running: null,
  progress: null,
  notes: [],
  known: new Map(),
  paces: new Map(),
  shown: null,
  sweep: { running: null, shown: null },
};

const measured = shape<Measured>({
  key: text,
  removed: units,
  dtype: maybe(oneOf(...(Object.keys(EXPORT_DTYPES) as ExportDtype[]))),
  healing: maybe(text),
  quantised: maybe(text),
  result: measureResult,
  gains: maybe(listOf(gain)),
  predicted: orNull(number),
});

export const SPEED: Slice<SpeedSlice> = {
  first,
  keep(slice, opened) {
    // "Always" was said of one model; another one may take much longer.
    if (opened !== 'same-model')
      return { ...first, auto: slice.auto === false ? false : null, paces: slice.paces };
    return {
      ...slice,
      running: null,
      progress: null,
      sweep: { ...slice.sweep, running: null },
    };
  },
  kept: {
    version: 1,
    isMeasured: true,
    fields: {
      known: { is: mapOf(measured), join: joinMaps },
      shown: { is: orNull(measured) },
      sweep: {
        is: shape<SpeedSlice['sweep']>({
          shown: orNull(
            shape<Swept>({ key: text, removed: units, healing: maybe(text), result: sweepResult }),
          ),
        }),
        pack: (sweep) => ({ ...sweep, running: null }),
      },
    },
    count: ({ known, sweep }) => (known?.size ?? 0) + (sweep?.shown ? 1 : 0),
    // A sweep that runs goes on. What comes back as it was stored is not stored once more.
    put: (slice, { sweep = slice.sweep, ...kept }) => ({
      ...slice,
      ...kept,
      sweep: slice.sweep.running ? { ...sweep, running: slice.sweep.running } : sweep,
    }),
  },
};
