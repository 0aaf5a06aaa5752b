// One variant of a model, loaded from exactly the bytes that an export would write: timed runs and
// generation.

import { createSampler } from '../../analysis/sampling.ts';
import type { Progress } from '../../contract/progress.ts';
import type {
  Advance,
  EncodedPrompt,
  GenerationStart,
  Prompt,
  RunSample,
  RunShape,
  VariantHandle,
  VariantInfo,
  VariantRequest,
} from '../../contract/variant.ts';
import { cancelled, EspalierError } from '../../errors.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { tensorBytes } from '../../onnx/graph.ts';
import { VERSION } from '../../version.ts';
import { createLock, type OrtLoader, runtimeOf } from '../device/ort.ts';
import { createYielder } from '../device/yielder.ts';
import { Decoder } from './decoder.ts';
import type { TextStream } from './textStream.ts';
import { openVariantDevice } from './variantDevice.ts';
import { checkIds, VariantText } from './variantText.ts';

/** A run lets the event loop turn this rarely: each turn costs as much as a small step. */
const YIELD_MS = 1000;

export interface VariantOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

interface Generation {
  start: GenerationStart;
  choose: (logits: Float32Array) => number;
  /** Null without a tokenizer. */
  stream: TextStream | null;
  ids: number[];
  ttft: number;
  seconds: number;
  done: Advance['done'];
}

/** A loaded variant. Calls take turns; `close` ends them. */
export class LoadedVariant implements VariantHandle {
  readonly info: VariantInfo;
  private readonly decoder: Decoder;
  private readonly text: VariantText;
  /** Of all initializers, each range once. */
  private readonly weightBytes: number;
  private readonly turn = createLock();
  private generation: Generation | null = null;
  private closed = false;

  private constructor(info: VariantInfo, decoder: Decoder, text: VariantText, weightBytes: number) {
    this.info = info;
    this.decoder = decoder;
    this.text = text;
    this.weightBytes = weightBytes;
  }

  /**
   * Loads `opened` without the blocks `removed`, after `steps`, on a device of its own. Errors as
   * `VariantApi.load`, and `cancelled`. `loadSeconds` starts when the device is open and ends when
   * the session is ready.
   */
  static async open(
    opened: OpenedModel,
    request: Pick<VariantRequest, 'removed' | 'steps' | 'device' | 'selfTest' | 'graphCapture'>,
    loader: OrtLoader,
    options: VariantOptions = {},
  ): Promise<LoadedVariant> {
    if (opened.structure.headless)
      throw new EspalierError(
        'unsupported-graph',
        `The graph ends in hidden states ("${opened.structure.logits}") and gives no logits, ` +
          'so it cannot generate.',
        'Export the model with its head.',
      );
    const { engine, notes } = await openVariantDevice(opened, request, loader);
    const report = (progress: Pick<Progress, 'phase' | 'done' | 'total' | 'unit'>): void =>
      options.onProgress?.({ job: 'load', secondsLeft: null, ...progress });
    try {
      const started = performance.now();
      const { removed, steps = [] } = request;
      const asked = { app: VERSION, steps, format: 'onnx', forRunning: true } as const;
      const manifest = await exportManifest(opened, removed, asked);
      const exported = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
      const decoder = await Decoder.open(exported, engine, {
        signal: options.signal,
        graphCapture: request.graphCapture,
        onBytes: (done, total) => report({ phase: 'read', done, total, unit: 'bytes' }),
        onCompile: () => report({ phase: 'compile', done: 0, total: 1, unit: 'programs' }),
      });
      const { capture } = decoder.loaded;
      // Trying graph capture compiles the graph once more, which is not part of loading it.
      const loadSeconds = (performance.now() - started) / 1000 - (capture?.seconds ?? 0);
      report({ phase: 'compile', done: 1, total: 1, unit: 'programs' });
      const text = await VariantText.load(exported, opened.summary.problems);
      if (capture) notes.push(captureNote(capture.obstacle));
      const { summary } = exported;
      const info: VariantInfo = {
        device: { kind: engine.kind, name: engine.name },
        runtime: runtimeOf(engine),
        cache: decoder.cache,
        graphCapture: false,
        notes,
        numBlocks: summary.numBlocks,
        fileBytes: summary.bytes,
        loadSeconds,
        contextLength: summary.contextLength,
        vocabSize: summary.vocabSize ?? 0,
        hasTokenizer: text.hasTokenizer,
        chat: text.chat,
      };
      return new LoadedVariant(info, decoder, text, weightBytes(exported));
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  }

  /** Bytes of caches and buffers of our own that are held now; 0 after `close`. */
  get ownBytes(): number {
    return Math.max(this.decoder.bytes, this.decoder.loaded.engine.ledger.total());
  }

  async encode(prompt: Prompt): Promise<EncodedPrompt> {
    return this.text.encode(prompt, this.info.vocabSize);
  }

  /**
   * One run from an empty cache; a generation that was begun is forgotten. Errors as
   * `VariantApi.run`, and `cancelled` when closed.
   */
  run(shape: RunShape): Promise<RunSample> {
    return this.turn(() => this.timedRun(shape));
  }

  begin(start: GenerationStart): Promise<void> {
    return this.turn(async () => {
      this.check(start.ids, start.tokens, 1);
      const stream = this.text.stream(start.ids);
      this.generation = {
        start,
        choose: createSampler(start.sampling),
        stream,
        ids: [],
        ttft: 0,
        seconds: 0,
        done: null,
      };
    });
  }

  advance(ms: number): Promise<Advance> {
    return this.turn(() => this.slice(ms));
  }

  /** Ends what runs, frees session, caches and device. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.turn(async () => {
      await this.decoder.dispose();
      await this.decoder.loaded.engine.dispose();
    });
  }

  private async timedRun({ ids: prompt, tokens, batch, sampling }: RunShape): Promise<RunSample> {
    const { decoder } = this;
    this.check(prompt, tokens, batch);
    this.generation = null;
    const choosers = Array.from({ length: batch }, (_, row) =>
      createSampler({ ...sampling, seed: sampling.seed + row }),
    );
    const next = new Int32Array(batch);
    const ids: number[] = [];
    const choose = (logits: Float32Array): void => {
      const vocab = logits.length / batch;
      for (const [row, chooser] of choosers.entries())
        next[row] = chooser(batch === 1 ? logits : logits.subarray(row * vocab, (row + 1) * vocab));
      ids.push(next[0] ?? 0);
    };
    const yieldIfDue = createYielder(YIELD_MS);

    const started = performance.now();
    await decoder.begin(batch, prompt.length + tokens);
    choose(await decoder.prefill(prompt));
    const first = performance.now();
    const runsBefore = decoder.runSeconds;
    for (let token = 1; token < tokens; token++) {
      await yieldIfDue();
      this.throwIfClosed();
      choose(await decoder.step(next));
    }
    const last = performance.now();
    return {
      promptTokens: prompt.length,
      tokens,
      batch,
      ttft: (first - started) / 1000,
      seconds: (last - started) / 1000,
      hostSeconds: Math.max(0, (last - first) / 1000 - (decoder.runSeconds - runsBefore)),
      deviceBytes: this.weightBytes + this.ownBytes,
      ids,
    };
  }

  private async slice(ms: number): Promise<Advance> {
    const { generation, decoder } = this;
    if (!generation)
      throw new EspalierError('bug', 'A generation was continued before it was begun.');
    const { start, ids, choose } = generation;
    const before = ids.length;
    const own = generation.seconds;
    const started = performance.now();
    const yieldIfDue = createYielder(YIELD_MS);
    while (!generation.done) {
      await yieldIfDue();
      this.throwIfClosed();
      if (ids.length === 0) await decoder.begin(1, start.ids.length + start.tokens);
      const id = choose(
        ids.length === 0 ? await decoder.prefill(start.ids) : await decoder.step(ids.slice(-1)),
      );
      ids.push(id);
      const elapsed = performance.now() - started;
      generation.seconds = own + elapsed / 1000;
      if (ids.length === 1) generation.ttft = generation.seconds;
      if (start.stopAtEos && this.text.eos.has(id)) generation.done = 'eos';
      else if (ids.length === start.tokens) generation.done = 'length';
      if (elapsed >= ms) break;
    }
    const { ttft, seconds, done } = generation;
    const added = ids.slice(before);
    const streamed = generation.stream?.push(added, done !== null) ?? {
      text: '',
      ends: added.map(() => 0),
    };
    return { ids: added, ...streamed, ttft, seconds, tokens: ids.length, done };
  }

  private check(ids: readonly number[], tokens: number, batch: number): void {
    this.throwIfClosed();
    const { contextLength, vocabSize } = this.info;
    if (ids.length === 0)
      throw new EspalierError('bad-input', 'The prompt has no tokens.', 'Type a prompt.');
    for (const [name, value] of Object.entries({
      'number of new tokens': tokens,
      'batch size': batch,
    }))
      if (!Number.isSafeInteger(value) || value < 1)
        throw new EspalierError('bad-input', `The ${name} must be at least 1, not ${value}.`);
    checkIds(ids, vocabSize);
    if (contextLength !== null && ids.length + tokens > contextLength)
      throw new EspalierError(
        'bad-input',
        `${ids.length} prompt tokens and ${tokens} new ones are ${ids.length + tokens}, but ` +
          `this model's context holds ${contextLength}.`,
        'Shorten the prompt or ask for fewer tokens.',
      );
  }

  private throwIfClosed(): void {
    if (this.closed) throw cancelled();
  }
}

/**
 * Why the decode step runs as it is. The decoder feeds a mask that grows with every step, so a step
 * is not replayed even where ONNX Runtime would record it.
 */
function captureNote(reason: string | null): string {
  const why = reason ?? 'the attention mask changes its shape at every step.';
  return `Graph capture is not used: ${why}`;
}

function weightBytes({ whole }: OpenedModel): number {
  const seen = new Map<string, number>();
  for (const tensor of whole.model.graph.initializers.values())
    seen.set(keyOf(tensor.data), tensorBytes(tensor));
  return [...seen.values()].reduce((sum, bytes) => sum + bytes, 0);
}
