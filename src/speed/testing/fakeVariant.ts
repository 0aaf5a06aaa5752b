// Variants without a model, for tests of orchestration: they log every call and fail on request.

import type { Which } from '../../contract/speed.ts';
import type {
  Advance,
  GenerationStart,
  OpenVariant,
  RunSample,
  RunShape,
  VariantHandle,
  VariantInfo,
} from '../../contract/variant.ts';
import { type ErrorCode, EspalierError } from '../../errors.ts';

export interface FakeOptions {
  /** Seconds of a run per new token and row, by side. */
  perToken?: Record<Which, number>;
  /**
   * Called before each call; may throw. `call` is e.g. "original run", the number counts calls of
   * that name.
   */
  before?: (call: string, number: number, shape?: RunShape) => void | Promise<void>;
  info?: Partial<VariantInfo>;
  /** New ids of a generation, by side; it ends with them. */
  ids?: Record<Which, number[]>;
}

export interface Fakes {
  open: OpenVariant;
  /** "original load", "original encode", "pruned run", "pruned close", ... in order. */
  log: string[];
  shapes: RunShape[];
  starts: GenerationStart[];
  /** Handles that were opened and not closed. */
  openNow(): number;
}

export const failure = (code: ErrorCode, message = `${code} happened.`): EspalierError =>
  new EspalierError(code, message, 'Do something.');

export function fakeVariants(options: FakeOptions = {}): Fakes {
  const { perToken = { original: 0.02, pruned: 0.01 }, before = () => {}, ids: texts } = options;
  const log: string[] = [];
  const shapes: RunShape[] = [];
  const starts: GenerationStart[] = [];
  const counts = new Map<string, number>();
  let live = 0;

  async function call(name: string, shape?: RunShape): Promise<void> {
    log.push(name);
    const number = (counts.get(name) ?? 0) + 1;
    counts.set(name, number);
    await before(name, number, shape);
  }

  const open: OpenVariant = async (removed, _signal, onProgress) => {
    const which: Which = removed.length > 0 ? 'pruned' : 'original';
    await call(`${which} load`);
    onProgress({ job: 'load', phase: 'read', done: 1, total: 1, unit: 'bytes', secondsLeft: null });
    live++;
    const info: VariantInfo = {
      device: { kind: 'wasm', name: 'CPU' },
      runtime: 'none',
      cache: 'static',
      graphCapture: false,
      notes: [],
      numBlocks: 16 - removed.length,
      fileBytes: 1000,
      loadSeconds: 0.5,
      contextLength: 512,
      vocabSize: 100,
      hasTokenizer: true,
      chat: 'none',
      ...options.info,
    };
    let position = 0;
    let text: number[] = [];
    const handle: VariantHandle = {
      info,
      async encode(prompt) {
        await call(`${which} encode`);
        if (prompt.kind === 'ids') return { ids: prompt.ids, text: '' };
        const words =
          prompt.kind === 'raw' ? prompt.text : prompt.messages.map((m) => m.content).join(' ');
        return { ids: words.split(/\s+/).map((word) => word.length), text: words };
      },
      async run(shape): Promise<RunSample> {
        shapes.push(shape);
        await call(`${which} run`, shape);
        const seconds = perToken[which] * shape.tokens * shape.batch;
        return {
          promptTokens: shape.ids.length,
          tokens: shape.tokens,
          batch: shape.batch,
          ttft: seconds / 10,
          seconds,
          hostSeconds: 0,
          deviceBytes: 100 * shape.batch,
          ids: [],
        };
      },
      async begin(start) {
        starts.push(start);
        await call(`${which} begin`);
        position = 0;
        text = texts?.[which] ?? Array.from({ length: start.tokens }, (_, i) => i);
      },
      async advance(): Promise<Advance> {
        await call(`${which} advance`);
        const ids = text.slice(position, position + 2);
        position += ids.length;
        const limit = starts.at(-1)?.tokens ?? 0;
        const ended = position >= text.length ? 'eos' : null;
        const done = position >= limit ? 'length' : ended;
        const ends = ids.map(
          (_, i) => text.slice(0, position - ids.length + i + 1).join(' ').length,
        );
        return {
          ids,
          text: text.slice(0, position).join(' '),
          ends,
          ttft: 0.1,
          seconds: 0.1 * position,
          tokens: position,
          done,
        };
      },
      async close() {
        log.push(`${which} close`);
        live--;
      },
    };
    return handle;
  };
  return { open, log, shapes, starts, openNow: () => live };
}
