// The healings of the stand-in studio: losses that fall, a shelf in memory; for tests, never in the
// app.

import type { AdapterResult, HealedForms } from '../../contract/export.ts';
import type {
  HealEstimate,
  HealEvent,
  HealingShelf,
  HealOutcome,
  HealRequest,
  HealSettings,
  KeptHealing,
} from '../../contract/heal.ts';
import type { HealingApi, StudioApi } from '../../contract/studio.ts';
import { EspalierError } from '../../errors.ts';
import type { HealedMeasure, Healing } from '../../model/healing/healing.ts';

export interface FakeHealingOptions {
  /** Kept before the page opens. */
  healings?: KeptHealing[];
  /** Nats that a healing takes from the loss of the held-out part; 0.1 unless told. */
  recovers?: number;
  /** Seconds that an estimate says; 2 unless told. */
  healSeconds?: number | null;
  /** What is kept at most; more than any test makes unless told. */
  mostBytes?: number;
}

interface Parts {
  begin(name: keyof StudioApi, args: readonly unknown[]): number;
  step(started: number): Promise<void>;
}

const BYTES = 131_072;

const measured = (recovers: number): HealedMeasure[] => [
  {
    set: 'held-out',
    name: 'calibration.txt',
    predicted: 3048,
    original: 3.8,
    pruned: 4,
    control: null,
    healed: 4 - recovers,
  },
];

/** The id that the stand-in gives to a healing of this plan by these methods. */
export const fakeHealingId = ({ removed, methods }: Pick<HealRequest, 'removed' | 'methods'>) =>
  `h-${removed.join('-')}-${methods.map(named).join('+')}`;

const named = (one: HealSettings): string =>
  one.method === 'refit' && one.all ? 'refit of all' : one.method;

const withoutNulls = (settings: object): Record<string, number | string | boolean> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));

export function fakeKept(
  request: HealRequest,
  fields: Partial<KeptHealing> = {},
  recovers = 0.1,
): KeptHealing {
  const methods = request.methods.map(({ method }) => method);
  return {
    id: fakeHealingId(request),
    removed: request.removed,
    methods,
    bytes: BYTES,
    savedAt: 1,
    passing: false,
    stored: true,
    record: {
      removed: request.removed,
      text: { name: 'calibration.txt', sha256: 'cc', tokens: 66_000 },
      steps: request.methods.map(({ method, ...settings }) => ({
        method,
        settings: withoutNulls(settings),
        losses: method === 'refit' ? [] : [0.4, 0.3],
        heldOut: method === 'refit' ? [] : [{ step: 0, loss: 4 }],
        kept: method === 'refit' ? null : 2,
        blocks: [1],
        seconds: 1,
      })),
      measured: measured(recovers),
    },
    recovered: recovers / 0.2,
    stoppedAt: null,
    device: { kind: 'wasm', name: 'fake wasm' },
    warnings: [],
    seconds: 2,
    canControl: true,
    ...fields,
  };
}

export function fakeHealing({ begin, step }: Parts, options: FakeHealingOptions): HealingApi {
  const { recovers = 0.1, healSeconds = 2, mostBytes = 1e9 } = options;
  let kept = [...(options.healings ?? [])];
  let stopping = false;
  const shelf = (): HealingShelf => ({
    healings: [...kept],
    bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    mostBytes,
  });

  function put(healing: KeptHealing): HealOutcome {
    kept = [healing, ...kept.filter(({ id }) => id !== healing.id)];
    const gone: KeptHealing[] = [];
    while (kept.length > 1 && shelf().bytes > mostBytes) gone.push(kept.pop()!);
    const { bytes } = shelf();
    return { healing, gone, bytes, mostBytes };
  }

  const find = (id: string): KeptHealing => {
    const found = kept.find((one) => one.id === id);
    if (!found) throw new EspalierError('bad-input', 'This healing is no longer there.');
    return found;
  };

  async function train(
    started: number,
    steps: number,
    onEvent: (event: HealEvent) => void,
  ): Promise<number | null> {
    stopping = false;
    onEvent({ type: 'note', text: 'The attention runs as primitive operators.' });
    onEvent({ type: 'held-out', step: 0, loss: 0.35 });
    for (let at = 1; at <= steps; at++) {
      await step(started);
      onEvent({ type: 'step', step: at, steps, loss: 0.35 / at, norm: 0.2, rate: 1e-3 });
      const progress = {
        job: 'heal',
        phase: 'score',
        done: at,
        total: steps,
        unit: 'steps',
        secondsLeft: steps - at,
      } as const;
      onEvent({ type: 'progress', progress });
      if (stopping) return at;
    }
    return null;
  }

  return {
    async estimateHealing(request): Promise<HealEstimate> {
      await step(begin('estimateHealing', [request]));
      const memory = {
        weights: 12_000_000,
        hiddenStates: 1_000_000,
        scratch: 4_000_000,
        logits: 10_000_000,
        total: 27_000_000,
        largestBuffer: 4_000_000,
      };
      return { memory, seconds: healSeconds, parameters: 32_768, bytes: BYTES, notes: [] };
    },
    async heal(request, onEvent) {
      const started = begin('heal', [request]);
      const stoppedAt = await train(started, 4, onEvent);
      return put(fakeKept(request, { stoppedAt }, recovers));
    },
    async refit(request) {
      await step(begin('refit', [request]));
      return put(fakeKept(request, { passing: true }, recovers));
    },
    async controlHealing(id, onEvent) {
      const started = begin('controlHealing', [id]);
      await train(started, 2, onEvent);
      const found = find(id);
      const rows = found.record.measured.map((row) => ({ ...row, control: 3.7 }));
      const next = { ...found, record: { ...found.record, measured: rows } };
      kept = kept.map((one) => (one.id === id ? next : one));
      return next;
    },
    async stopHealing() {
      begin('stopHealing', []);
      stopping = true;
    },
    async healings() {
      begin('healings', []);
      return shelf();
    },
    async healing(id): Promise<Healing> {
      begin('healing', [id]);
      const { removed, record } = find(id);
      return { id, removed, record, changes: [] };
    },
    async measureForms(id): Promise<HealedForms> {
      const started = begin('measureForms', [id]);
      await step(started);
      const measure = (nll: number) => ({ nll, ppl: Math.exp(nll), nllPerWindow: [nll] });
      return { again: measure(3.95), float: measure(3.9), seconds: 1 };
    },
    async adapterObstacle(id) {
      begin('adapterObstacle', [id]);
      return find(id).methods.includes('refit') ? 'It was refitted first.' : null;
    },
    async saveAdapter(request): Promise<AdapterResult> {
      begin('saveAdapter', [request]);
      const { name, target } = request;
      const blob = target.kind === 'zip-blob' ? new Blob(['zip']) : null;
      const files = [{ path: 'adapter_config.json', bytes: 600 }];
      return { name, files, bytes: 600, notes: ['Run prune.py first.'], blob };
    },
    async forgetHealingsOf(model) {
      begin('forgetHealingsOf', [model]);
      kept = [];
      return shelf();
    },
    async forgetHealing(id) {
      begin('forgetHealing', [id]);
      kept = id === null ? [] : kept.filter((one) => one.id !== id);
      return shelf();
    },
  };
}
