// The bandwidth of the card's memory, measured by copying and reading buffers larger than its
// caches, and verified: what was copied and summed must be what was written.

import { findAdapter, requestDevice } from '../../src/runtime/device/adapter.ts';
import { nodeLoader } from '../../src/runtime/device/ort.node.ts';
import { none } from '../bench/limits.ts';
import type { Part, PartContext } from './part.ts';
import { repeatTimed } from './timing.ts';

const MIB = 2 ** 20;
/** Of each buffer: several times the caches of today's cards. */
const BYTES = { full: 512 * MIB, quick: 256 * MIB, software: 16 * MIB };
const WORKGROUP = 256;
const WORKGROUPS = 2048;
const THREADS = WORKGROUP * WORKGROUPS;
/** Multiplier of the pattern that fills the source: word i is i times this, modulo 2^32. */
const PATTERN = 2654435761;
/** A timed run takes about so long, so that submitting it does not count. */
const RUN_SECONDS = 0.1;

const SHADER = `
@group(0) @binding(0) var<storage, read_write> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4<u32>>;

@compute @workgroup_size(${WORKGROUP})
fn fill(@builtin(global_invocation_id) id: vec3<u32>) {
  for (var k = id.x; k < arrayLength(&source); k += ${THREADS}u) {
    source[k] = (vec4<u32>(0u, 1u, 2u, 3u) + 4u * k) * ${PATTERN}u;
  }
}

@compute @workgroup_size(${WORKGROUP})
fn copy(@builtin(global_invocation_id) id: vec3<u32>) {
  for (var k = id.x; k < arrayLength(&source); k += ${THREADS}u) {
    target_[k] = source[k];
  }
}

@compute @workgroup_size(${WORKGROUP})
fn read(@builtin(global_invocation_id) id: vec3<u32>) {
  var sum = vec4<u32>(0u);
  for (var k = id.x; k < arrayLength(&source); k += ${THREADS}u) {
    sum += source[k];
  }
  target_[id.x] = sum;
}
`;

export const bandwidth: Part = {
  name: 'bandwidth',
  title: 'memory bandwidth',
  limit: { full: 25, quick: 10 },
  needsGpu: false,
  run,
};

async function run(context: PartContext): Promise<void> {
  const adapter = await findAdapter(nodeLoader);
  if (!adapter) throw new Error('The adapter that the self-test ran on is not there any more.');
  const device = await requestDevice(adapter, { subgroups: false });
  let wanted = context.quick ? BYTES.quick : BYTES.full;
  if (context.software) wanted = BYTES.software;
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const most = Math.min(wanted, maxBufferSize, maxStorageBufferBindingSize);
  const bytes = Math.floor(most / MIB) * MIB;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const source = device.createBuffer({ size: bytes, usage });
  const target = device.createBuffer({ size: bytes, usage });
  const module = device.createShaderModule({ code: SHADER });
  const pipeline = (entryPoint: string): Promise<GPUComputePipeline> =>
    device.createComputePipelineAsync({ layout, compute: { module, entryPoint } });
  const group = device.createBindGroupLayout({
    entries: [0, 1].map((binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: 'storage' as const },
    })),
  });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [group] });
  const bound = device.createBindGroup({
    layout: group,
    entries: [source, target].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const shader = async (entryPoint: string): Promise<Command> => {
    const made = await pipeline(entryPoint);
    return (encoder) => {
      const pass = encoder.beginComputePass();
      pass.setPipeline(made);
      pass.setBindGroup(0, bound);
      pass.dispatchWorkgroups(WORKGROUPS);
      pass.end();
    };
  };
  const submit = async (command: Command, times: number): Promise<void> => {
    const encoder = device.createCommandEncoder();
    for (let k = 0; k < times; k++) command(encoder);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
  const peek = async (offset: number, length: number): Promise<Uint32Array> => {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = device.createBuffer({ size: length, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(target, offset, staging, 0, length);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const words = new Uint32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return words;
  };
  /** Words of the copy that are not the pattern, at its ends and in its middle. */
  const wrongWords = async (): Promise<number> => {
    let wrong = 0;
    for (const offset of [0, bytes / 2, bytes - 65_536])
      for (const [k, word] of (await peek(offset, 65_536)).entries())
        if (word !== Math.imul(offset / 4 + k, PATTERN) >>> 0) wrong++;
    return wrong;
  };
  const measure = async (name: string, command: Command, counted: number): Promise<number> => {
    await submit(command, 1);
    const once = await repeatTimed({ warmups: 0, atLeast: 2, atMost: 2, seconds: 1 }, () =>
      submit(command, 1),
    );
    const times = Math.max(1, Math.min(200, Math.ceil((RUN_SECONDS * 1000) / once.best)));
    const seconds = context.quick ? 0.5 : 2;
    const repeat = { warmups: 1, atLeast: 3, atMost: 20, seconds };
    const { best } = await repeatTimed(repeat, () => submit(command, times));
    const value = (counted * times) / (best / 1000) / 1e9;
    context.say({ figures: { [name]: { value, unit: 'GB/s' } } });
    return value;
  };

  context.say({
    notes: [
      `${bytes / MIB} MiB in each of two buffers. A copy counts the bytes read and the bytes ` +
        'written, a reading pass the bytes read; the best of several runs counts, and ' +
        '"bandwidth" is the highest of the three.',
    ],
    details: { bytes },
  });
  await submit(await shader('fill'), 1);
  const found: number[] = [];
  const plain: Command = (encoder) => encoder.copyBufferToBuffer(source, 0, target, 0, bytes);
  found.push(await measure('copyBufferToBuffer', plain, 2 * bytes));
  const afterPlain = await wrongWords();
  await submit((encoder) => encoder.clearBuffer(target), 1);
  found.push(await measure('copyingShader', await shader('copy'), 2 * bytes));
  const afterShader = await wrongWords();
  found.push(await measure('readingShader', await shader('read'), bytes));
  const sums = (await peek(0, THREADS * 16)).reduce((sum, word) => (sum + word) >>> 0, 0);
  context.say({
    figures: { bandwidth: { value: Math.max(...found), unit: 'GB/s' } },
    checks: [
      none('words that copyBufferToBuffer copied wrongly', afterPlain),
      none('words that the shader copied wrongly', afterShader),
      none('difference of the sum that was read', (sums - patternSum(bytes / 4)) >>> 0),
    ],
  });
  device.destroy();
}

type Command = (encoder: GPUCommandEncoder) => void;

/** Sum of the first `words` words of the pattern, modulo 2^32. */
export function patternSum(words: number): number {
  const pairs = (BigInt(words) * BigInt(words - 1)) / 2n;
  return Number((pairs * BigInt(PATTERN)) % 2n ** 32n);
}
