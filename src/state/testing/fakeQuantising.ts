// The quantisations of the stand-in studio: losses by method, a shelf in memory; for tests, never
// in the app.

import type {
  KeptQuantisation,
  MatrixReport,
  QuantisationShelf,
  QuantiseRequest,
} from '../../contract/quantise.ts';
import type { QuantiseApi, StudioApi } from '../../contract/studio.ts';
import { EspalierError } from '../../errors.ts';
import { sensitivityKey } from '../../model/quantise/forms.ts';
import type { QuantiseMethod } from '../../model/quantise/quantisation.ts';

export interface FakeQuantisingOptions {
  /** Kept before the page opens. */
  quantisations?: KeptQuantisation[];
}

interface Parts {
  begin(name: keyof StudioApi, args: readonly unknown[]): number;
  step(started: number): Promise<void>;
}

/** Nats that few bits cost. */
const COSTS: Readonly<Record<QuantiseMethod, number>> = { rtn: 0.03, hqq: 0.02, gptq: 0.01 };
const NAMES = ['qkv', 'o', 'gate', 'up', 'down'] as const;

/** The matrices of two blocks, and the head, which is the table of the embedding. */
function fakeMatrices({
  settings,
  forms,
  mixed,
}: Pick<QuantiseRequest, 'settings' | 'forms' | 'mixed'>): MatrixReport[] {
  const blocks = [0, 1].flatMap((block) =>
    NAMES.map((part, at): MatrixReport => {
      const tensor = `model.layers.${block}.${part}.weight`;
      return {
        tensor,
        block,
        part,
        inputs: 128,
        outputs: 256,
        storedBytes: 131_072,
        writtenBytes: 20_480,
        form: forms[tensor] ?? settings.bits,
        obstacle: null,
        sensitivity: mixed ? 0.001 * (10 - at - 2 * block) : null,
      };
    }),
  );
  const head: MatrixReport = {
    ...blocks[0]!,
    tensor: 'lm_head.weight',
    block: null,
    part: 'head',
    form: settings.head === 'keep' ? 'float' : settings.head,
    obstacle: 'It is the table of the embedding as well.',
    sensitivity: null,
  };
  return [...blocks, head];
}

/** The id that the stand-in gives to a quantisation, whatever its precision. */
const ownId = ({ removed, healing, settings, mixed }: QuantiseRequest) =>
  ['q', removed.join('-'), healing, settings.method, settings.block, mixed?.kind]
    .filter(Boolean)
    .join('_');

/** And under which it is kept. */
const fakeQuantisedId = (request: QuantiseRequest) => `${request.dtype} ${ownId(request)}`;

export function fakeQuantised(
  request: QuantiseRequest,
  fields: Partial<KeptQuantisation> = {},
): KeptQuantisation {
  const { removed, healing = null, dtype, settings, forms, mixed, data } = request;
  const matrices = fakeMatrices(request);
  const [first] = matrices;
  const nll = 4 + COSTS[settings.method];
  const part = { nll: 4, klDivergence: 0.1, top1Agreement: 0.9 };
  const measured = (['windows', 'held-out'] as const).map((set) => ({
    set,
    name: set === 'windows' ? 'the windows of the curve' : 'evaluation.txt',
    predicted: 1270,
    original: { nll: 3.8 },
    pruned: removed.length > 0 ? part : null,
    healed: healing === null ? null : { ...part, nll: 3.9 },
    quantised: { ...part, nll },
  }));
  return {
    id: fakeQuantisedId(request),
    quantisation: {
      id: ownId(request),
      removed,
      healing,
      settings,
      forms: mixed && first ? { ...forms, [first.tensor]: 8 } : forms,
      record: {
        text:
          settings.method === 'gptq'
            ? { name: 'calibration.txt', sha256: 'cc', windows: data.samples, tokens: 4096 }
            : null,
        mixed,
        measured,
      },
    },
    dtype,
    asked: { forms, mixed, data },
    matrices,
    bytes: 3_000_000,
    keptBytes: settings.method === 'gptq' ? 800_000 : 0,
    savedAt: 1,
    stored: true,
    device: { kind: 'wasm', name: 'fake wasm' },
    warnings: [],
    seconds: 2,
    ...fields,
  };
}

export function fakeQuantising(
  { begin, step }: Parts,
  options: FakeQuantisingOptions,
): QuantiseApi {
  let kept = [...(options.quantisations ?? [])];
  const shelf = (): QuantisationShelf => ({
    quantisations: [...kept],
    bytes: kept.reduce((sum, { keptBytes }) => sum + keptBytes, 0),
    mostBytes: 1e9,
  });
  return {
    async estimateQuantise(request) {
      await step(begin('estimateQuantise', [request]));
      const memory = {
        weights: 12_000_000,
        hiddenStates: 1_000_000,
        scratch: 4_000_000,
        logits: 10_000_000,
        total: 27_000_000,
        largestBuffer: 4_000_000,
      };
      const matrices = fakeMatrices({ ...request, mixed: null });
      return { memory, matrices, bytes: 3_000_000, notes: [] };
    },
    async quantise(request, onEvent) {
      const started = begin('quantise', [request]);
      const matrices = fakeMatrices(request);
      onEvent({ type: 'note', text: 'The head stays as it is.' });
      for (const [at, one] of matrices.entries()) {
        await step(started);
        const { sensitivity } = one;
        const key = sensitivityKey(one);
        if (sensitivity !== null) onEvent({ type: 'sensitivity', key, sensitivity });
        const progress = {
          job: 'quantise',
          phase: 'score',
          done: at + 1,
          total: matrices.length,
          unit: 'steps',
          secondsLeft: matrices.length - at,
        } as const;
        onEvent({ type: 'progress', progress });
      }
      const quantised = fakeQuantised(request);
      kept = [quantised, ...kept.filter(({ id }) => id !== quantised.id)];
      const { bytes, mostBytes } = shelf();
      return { quantised, gone: [], bytes, mostBytes };
    },
    async quantisations() {
      begin('quantisations', []);
      return shelf();
    },
    async quantisation(id) {
      begin('quantisation', [id]);
      const found = kept.find(({ quantisation }) => quantisation.id === id.split(' ')[1]);
      if (!found) throw new EspalierError('bad-input', 'This quantisation is no longer there.');
      return { ...found.quantisation, computed: [] };
    },
    async forgetQuantisation(id) {
      begin('forgetQuantisation', [id]);
      kept = id === null ? [] : kept.filter((one) => one.id !== id);
      return shelf();
    },
    async forgetQuantisationsOf(model) {
      begin('forgetQuantisationsOf', [model]);
      kept = [];
      return shelf();
    },
  };
}
