// Runs a stack of equal blocks on a device: each on weights of its own where they are fed, so that
// no cache of the device serves the next one.

import type { Tensor } from 'onnxruntime-web';
import type { ElementType } from '../../src/model/programs/program.ts';
import type {
  Compiled,
  DeviceBuffer,
  DirectRunner,
  Engine,
} from '../../src/runtime/device/engine.ts';
import { byteSize, elements, filled, floats, fromOrt } from '../../src/runtime/device/host.ts';
import {
  type BlockForm,
  type BlockTensor,
  blockModel,
  blockProgram,
  blockTensors,
  DATA_FILE,
} from './blockGraph.ts';
import { type BlockValues, floatBytes, noise, type QuantizedValues } from './blockValues.ts';

/** New tokens of a pass: `tokens` in each of `rows` sequences, after `past` earlier ones. */
export interface Work {
  rows: number;
  tokens: number;
  past: number;
}

/** A pass that is ready to run: everything is on the device. */
export interface Stage {
  /** Submits one pass through all blocks. */
  pass(): Promise<void>;
  /** Hidden states after the last pass, (rows x tokens x hidden). */
  result(): Promise<Float32Array>;
  free(): void;
}

/** A step of hidden states and caches: values up to about 1. */
const ACTIVATION_STEP = 2 ** -7;

export class BlockStack {
  readonly layers: number;
  /** Bytes of the weights and tables of one block. */
  readonly bytesPerBlock: number;
  private readonly engine: Engine;
  private readonly form: BlockForm;
  private readonly compiled: Compiled;
  private readonly runner: DirectRunner;
  /** Feeds of each block; empty where its tensors are constants. */
  private readonly weights: Record<string, Tensor>[];
  private readonly buffers: DeviceBuffer[];

  private constructor(
    engine: Engine,
    form: BlockForm,
    compiled: Compiled,
    runner: DirectRunner,
    weights: Record<string, Tensor>[],
    buffers: DeviceBuffer[],
    bytesPerBlock: number,
  ) {
    this.engine = engine;
    this.form = form;
    this.compiled = compiled;
    this.runner = runner;
    this.weights = weights;
    this.buffers = buffers;
    this.layers = weights.length;
    this.bytesPerBlock = bytesPerBlock;
  }

  /** Blocks whose weights are fed, as scoring does on every device; all have the same values. */
  static async fed(
    engine: Engine,
    form: BlockForm,
    values: BlockValues | QuantizedValues,
    layers: number,
  ): Promise<BlockStack> {
    const tensors = blockTensors(form, values);
    const compiled = await engine.compile(blockProgram(form, tensors));
    const buffers: DeviceBuffer[] = [];
    const weights: Record<string, Tensor>[] = [];
    for (let layer = 0; layer < layers; layer++) {
      const feeds = tensors.map(({ name, type, dims, bytes }) => {
        const buffer = engine.allocate(bytes.length, 'weights', name);
        buffer.write(0, bytes);
        buffers.push(buffer);
        return [name, buffer.view(type, dims).tensor] as const;
      });
      weights.push(Object.fromEntries(feeds));
      await engine.check();
    }
    const runner = await engine.direct(compiled);
    return new BlockStack(engine, form, compiled, runner, weights, buffers, bytesOf(tensors));
  }

  /** One block whose weights are constants of its graph, as a whole model is loaded. */
  static async constant(
    engine: Engine,
    form: BlockForm,
    values: BlockValues | QuantizedValues,
  ): Promise<BlockStack> {
    const tensors = blockTensors(form, values);
    const { bytes, data } = blockModel(form, tensors);
    const id = `block ${form.weights} ${form.cache ?? ''}`.trim();
    const compiled = await engine.compileModel(id, bytes, [{ path: DATA_FILE, data }]);
    const runner = await engine.direct(compiled);
    return new BlockStack(engine, form, compiled, runner, [{}], [], bytesOf(tensors));
  }

  /** Seconds inside ONNX Runtime's run so far: on a GPU, the time to submit. */
  get submitSeconds(): number {
    return this.runner.seconds;
  }

  /**
   * Puts the inputs of a pass through the first `layers` blocks on the device; the same values on
   * every device.
   */
  stage({ rows, tokens, past }: Work, layers = this.layers): Stage {
    const { shape, activation, cache } = this.form;
    if (past > 0 && (cache === null || past + tokens > cache))
      throw new RangeError(`the cache of ${cache} has no room for ${past} + ${tokens} tokens`);
    const { engine } = this;
    const held: DeviceBuffer[] = [];
    const put = (dims: number[], seed: number | null): DeviceBuffer => {
      const buffer = engine.allocate(byteSize(activation, dims), 'scratch', 'activations');
      held.push(buffer);
      if (seed !== null)
        buffer.write(0, floatBytes(noise(count(dims), ACTIVATION_STEP, seed), activation));
      return buffer;
    };
    const hiddenDims = [rows, tokens, shape.hidden];
    const cacheDims = [rows, shape.kvHeads, cache ?? 0, shape.headSize];
    const view = (buffer: DeviceBuffer, dims: number[]): Tensor =>
      buffer.view(activation as ElementType, dims).tensor;
    const first = view(put(hiddenDims, 7), hiddenDims);
    const common = {
      lengths: engine.wrap(filled('int32', [rows], past + tokens - 1)),
      total: engine.wrap(filled('int32', [], past + tokens)),
    };
    const stack = this.weights.slice(0, layers);
    const caches = stack.map(() =>
      cache === null
        ? {}
        : {
            past_key: view(put(cacheDims, 8), cacheDims),
            past_value: view(put(cacheDims, 9), cacheDims),
          },
    );
    // Where outputs come back in ordinary memory nothing is allocated for them.
    const outputs =
      engine.kind === 'webgpu' ? [put(hiddenDims, null), put(hiddenDims, null)] : null;
    let last: Tensor = first;
    let lastBuffer: DeviceBuffer | null = null;
    const pass = async (): Promise<void> => {
      let hidden = first;
      for (const [layer, weights] of stack.entries()) {
        const own = caches[layer]!;
        const target = outputs?.[layer % 2] ?? null;
        const present = cacheFetches(own, outputs !== null);
        const results = await this.runner.run(
          { hidden, ...common, ...own, ...weights },
          { out: target ? view(target, hiddenDims) : null, ...present },
        );
        hidden = target ? view(target, hiddenDims) : results.out!;
        lastBuffer = target;
      }
      last = hidden;
    };
    return {
      pass,
      result: async () => {
        if (!lastBuffer) return floats(activation, fromOrt(last).data);
        const bytes = new Uint8Array(byteSize(activation, hiddenDims));
        const whole = [{ offset: 0, length: bytes.length }];
        await engine.readSpans(lastBuffer.view(activation, hiddenDims), whole, bytes);
        return floats(activation, elements(activation, bytes));
      },
      free: () => {
        for (const buffer of held) buffer.free();
      },
    };
  }

  /** Runs until everything submitted is computed. */
  settled(): Promise<void> {
    return this.engine.settled();
  }

  async dispose(): Promise<void> {
    await this.engine.release([this.compiled]);
    for (const buffer of this.buffers) buffer.free();
  }
}

/** On a GPU the new keys and values are written into the cache that was read. */
function cacheFetches(
  own: { past_key?: Tensor; past_value?: Tensor },
  inPlace: boolean,
): Record<string, Tensor | null> {
  if (!own.past_key || !own.past_value) return {};
  return inPlace
    ? { present_key: own.past_key, present_value: own.past_value }
    : { present_key: null, present_value: null };
}

const count = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);

const bytesOf = (tensors: readonly BlockTensor[]): number =>
  tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
