// What the page knows of the importance curve: settings, the run, the curve it gave.

import type { UsedDevice } from '../../contract/device.ts';
import type { Progress } from '../../contract/progress.ts';
import type {
  BlockScore,
  Measure,
  MemoryEstimate,
  ScoreResult,
  ScoreSettings,
} from '../../contract/score.ts';
import { number, orNull, shape, text } from '../kept/form.ts';
import { scoreResult, scoreSettings, texts } from '../kept/forms.ts';
import type { Opened, Slice } from '../slice.ts';
import { ranked } from './ranked.ts';

/** A curve while it grows. */
export interface GrowingCurve {
  /** Settings of the run; those of the page may change meanwhile. */
  settings: ScoreSettings;
  device: UsedDevice | null;
  windows: number;
  baseline: Measure | null;
  blocks: readonly BlockScore[];
  notes: readonly string[];
  /** Some of it was done by a run that had been interrupted. */
  resumed?: boolean;
}

interface Curve {
  /**
   * When it was taken, in ms since 1970; of two in the same ms, one more. Results that belong to it
   * carry it in their key.
   */
  id: number;
  result: ScoreResult;
  /** Key of the settings it was asked with. */
  settingsKey: string;
  /** True when it was read from an espalier.json. */
  restored: boolean;
  /** True when an interrupted run had done some of it: its seconds are not those of all. */
  resumed?: boolean;
  /** What the engine remarked while it ran: fewer windows than asked, another device. */
  notes: readonly string[];
}

export interface ScoreSlice {
  settings: ScoreSettings;
  /** What scoring would need with these settings, or null while unknown. */
  memory: MemoryEstimate | null;
  running: GrowingCurve | null;
  /**
   * What the last run had measured when it was stopped or failed, while there is no whole curve;
   * only to look at.
   */
  stopped: GrowingCurve | null;
  progress: Progress | null;
  cancelling: boolean;
  curve: Curve | null;
}

const first: ScoreSlice = {
  settings: {
    text: { kind: 'bundled' },
    samples: 10,
    length: 128,
    sampler: 'even',
    seed: 0,
    bos: null,
    device: 'auto',
  },
  memory: null,
  running: null,
  stopped: null,
  progress: null,
  cancelling: false,
  curve: null,
};

/** Settings stay, but for token ids, which are of a model's vocabulary. */
function keptSettings({ settings }: ScoreSlice, opened: Opened): ScoreSettings {
  return settings.text.kind === 'ids' && opened === 'new-model'
    ? { ...settings, text: { kind: 'bundled' } }
    : settings;
}

/** A longer text is not stored: the windows of the curve are, which give the same numbers. */
const MOST_TEXT = 1e6;

const packedSettings = (settings: ScoreSettings): ScoreSettings =>
  settings.text.kind === 'text' && settings.text.text.length > MOST_TEXT
    ? { ...settings, text: { kind: 'bundled' } }
    : settings;

function rankedCurve(curve: Curve): Curve {
  const result = ranked(curve.result);
  return result === curve.result ? curve : { ...curve, result };
}

export const SCORE: Slice<ScoreSlice> = {
  first,
  keep(slice, opened) {
    const next = { ...first, settings: keptSettings(slice, opened) };
    if (opened !== 'same-model') return next;
    const { memory, curve, running, stopped } = slice;
    return { ...next, memory, curve, stopped: curve ? null : (running ?? stopped) };
  },
  kept: {
    version: 1,
    isMeasured: true,
    fields: {
      settings: { is: scoreSettings, pack: packedSettings },
      curve: {
        is: orNull(
          shape<Curve>({ id: number, result: scoreResult, settingsKey: text, notes: texts }),
        ),
      },
    },
    count: ({ curve }) => (curve ? 1 : 0),
    // A run that is under way goes on with the settings of the page.
    put: (slice, { settings = slice.settings, curve = slice.curve }) => ({
      ...slice,
      ...(!slice.running && settings !== slice.settings && { settings, memory: null }),
      curve: curve && rankedCurve(curve),
      stopped: curve ? null : slice.stopped,
    }),
  },
};
