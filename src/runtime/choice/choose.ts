// Which device `auto` means for a model that both could run: by memory where only one has room,
// else by the time of one block on each, which is remembered.

import type { BrowserDeviceKind, DeviceChoice } from '../../contract/device.ts';
import type { Progress } from '../../contract/progress.ts';
import { EspalierError } from '../../errors.ts';
import { defaultBudget } from '../../memoryBudget.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { fitted } from '../../model/programs/widen.ts';
import { formatBytes } from '../../quantities.ts';
import { sha256OfText } from '../../text/hash.ts';
import { VERSION } from '../../version.ts';
import { canRunWhole } from '../decode/variantDevice.ts';
import type { AdapterInfo } from '../device/adapter.ts';
import type { Engine } from '../device/engine.ts';
import { loadOrt, type OrtLoader, type WasmBuild } from '../device/ort.ts';
import { openWasm, WASM_LIMITS } from '../device/wasmEngine.ts';
import { gpuBuild } from '../device/webgpuEngine.ts';
import { commonest, MOST_TIMED_BYTES } from '../pass/oneBlock.ts';
import { type MemoryDevice, type MemoryPlan, planMemory } from '../weights/memory.ts';
import { weightBytes } from '../weights/stages.ts';
import { openBlockRuns } from './blockRuns.ts';
import { type Contenders, compareDevices } from './compare.ts';
import { comparisonWords, placed } from './words.ts';

/** Where choices are kept between visits; what comes back is of unknown origin. */
interface ChoiceMemory {
  recall(key: string): Promise<unknown>;
  remember(key: string, choice: DeviceChoice): Promise<void>;
}

export interface ChoiceOptions {
  memory?: ChoiceMemory | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

export interface ChoiceRequest extends ChoiceOptions {
  opened: OpenedModel;
  /** Score programs for WebGPU, as the graph gives them. */
  programs: ScorePrograms;
  loader: OrtLoader;
  adapter: AdapterInfo;
  /** The GPU of the job; opened only where it is timed. */
  openGpu(): Promise<Engine>;
}

/** Increased when the measurement changes, so that older choices are not used. */
const REVISION = 1;
/** Windows of the usual job, for which memory is planned. */
const USUAL = { windows: 10, length: 128 };

/**
 * The device for a model whose graph runs correctly on WebGPU. A side that fails loses, in words;
 * where neither could be timed it is WebGPU, whose self-test has passed.
 * @throws EspalierError `cancelled`
 */
export async function chooseDevice(request: ChoiceRequest): Promise<DeviceChoice> {
  const { opened, loader, adapter, memory, signal, onProgress } = request;
  const float16 = adapter.features.includes('shader-f16');
  const made = (
    kind: BrowserDeviceKind,
    reason: string,
    measured: DeviceChoice['measured'] = null,
  ) => ({
    kind,
    whole: wholeKind(kind, opened, float16),
    reason,
    measured,
  });
  const gpuPrograms = fitted(request.programs, float16);
  const cpuPrograms = programsOfCpu(opened);
  if (cpuPrograms instanceof EspalierError)
    return made('webgpu', `${cpuPrograms.message} ${placed('webgpu')}`);

  const room = byMemory(gpuPrograms, cpuPrograms, adapter);
  if (room) return made(room.kind, room.reason);
  const at = commonest(gpuPrograms);
  const [gpuBlock, cpuBlock] = [gpuPrograms.blocks[at], cpuPrograms.blocks[at]];
  if (!gpuBlock || !cpuBlock) return made('webgpu', placed('webgpu'));
  const bytes = Math.max(weightBytes([gpuBlock], 'webgpu'), weightBytes([cpuBlock], 'wasm'));
  if (bytes > MOST_TIMED_BYTES) {
    const kind = adapter.isSoftware ? 'wasm' : 'webgpu';
    return made(kind, `${tooLarge(bytes)} ${placed(kind)}`);
  }

  const threads = loader.mostThreads?.() ?? 1;
  const key = await keyOf(gpuPrograms, at, adapter, threads);
  const known = readChoice(await memory?.recall(key));
  if (known) return made(known.kind, known.reason, known.measured);

  const onWasm = async (build: WasmBuild) => {
    const engine = await openWasm(loader, build);
    const runs = await openBlockRuns(cpuPrograms, opened.folder, engine, signal);
    const { ort } = await loadOrt(loader, build);
    const threads = ort.env.wasm.numThreads ?? 1;
    return { ...runs, threads, close: () => runs.close().finally(() => engine.dispose()) };
  };
  const contenders: Contenders = {
    webgpu: async () => openBlockRuns(gpuPrograms, opened.folder, await request.openGpu(), signal),
    oneThread: () => onWasm(gpuBuild()),
    cpu: () => onWasm('plain'),
    threads,
    products: opened.summary.blocks[at]?.params ?? 0,
  };
  const onStep = (done: number, total: number) =>
    onProgress?.({ job: 'device', phase: 'device', done, total, unit: 'steps', secondsLeft: null });
  const found = await compareDevices(contenders, { signal, onStep });
  const { webgpu, wasm } = found;
  const choice = made(found.kind, comparisonWords(found), webgpu && wasm && { webgpu, wasm });
  // What failed may succeed the next time.
  if (choice.measured) await memory?.remember(key, choice);
  return choice;
}

/** Where the unchanged graph runs. */
function wholeKind(
  kind: BrowserDeviceKind,
  opened: OpenedModel,
  float16: boolean,
): BrowserDeviceKind {
  const other: BrowserDeviceKind = kind === 'webgpu' ? 'wasm' : 'webgpu';
  const canRun = (one: BrowserDeviceKind) => canRunWhole(one, opened, float16);
  return !canRun(kind) && canRun(other) ? other : kind;
}

/** The error where the CPU cannot run the graph. */
function programsOfCpu(opened: OpenedModel): ScorePrograms | EspalierError {
  try {
    return makeScorePrograms(opened, { device: 'wasm' });
  } catch (error) {
    if (error instanceof EspalierError) return error;
    throw error;
  }
}

/**
 * The device that alone can hold what scoring needs, or alone can hold all weights at once; null
 * where both or neither can.
 */
function byMemory(
  gpuPrograms: ScorePrograms,
  cpuPrograms: ScorePrograms,
  adapter: AdapterInfo,
): { kind: BrowserDeviceKind; reason: string } | null {
  const planOn = (programs: ScorePrograms, device: MemoryDevice) =>
    planMemory(programs, USUAL, device, defaultBudget(device.kind, device.maxBufferBytes));
  const plans: Record<BrowserDeviceKind, MemoryPlan> = {
    webgpu: planOn(gpuPrograms, { kind: 'webgpu', maxBufferBytes: adapter.maxBufferBytes }),
    wasm: planOn(cpuPrograms, { kind: 'wasm', maxBufferBytes: WASM_LIMITS.maxBufferBytes }),
  };
  const { webgpu, wasm } = plans;
  if ((webgpu.obstacle === null) !== (wasm.obstacle === null)) {
    const kind = webgpu.obstacle ? 'wasm' : 'webgpu';
    const [name, obstacle] = webgpu.obstacle
      ? ['WebGPU', webgpu.obstacle]
      : ['the CPU (wasm)', wasm.obstacle];
    const why = obstacle?.message ?? '';
    return { kind, reason: `This model has no room on ${name}: ${why} ${placed(kind)}` };
  }
  // A software adapter's memory is that of the CPU.
  if (webgpu.resident === wasm.resident || adapter.isSoftware) return null;
  const kind = webgpu.resident ? 'webgpu' : 'wasm';
  const size = formatBytes(plans[kind].bytes.weights);
  const other = kind === 'webgpu' ? 'the CPU (wasm)' : 'WebGPU';
  return {
    kind,
    reason:
      `The ${size} of weights of this model would be read from the files again and again on ` +
      `${other}, which has no room for all of them. ${placed(kind)}`,
  };
}

const tooLarge = (bytes: number): string =>
  `One block of this model has ${formatBytes(bytes)} of weights: too many to be read twice for a ` +
  'comparison of WebGPU and CPU.';

/** The structure of what is timed, the adapter, threads and version: equal keys, equal times. */
async function keyOf(
  programs: ScorePrograms,
  at: number,
  adapter: AdapterInfo,
  threads: number,
): Promise<string> {
  const { residualType, stateSize, blocks } = programs;
  const block = blocks[at];
  const ops = Object.entries(block?.program.ops ?? {}).map(([op, count]) => `${op} ${count}`);
  const weights = [...(block?.weights.values() ?? [])].map(({ type, dims }) => `${type} ${dims}`);
  const structure = [residualType, stateSize, ...ops.sort(), ...weights.sort()].join('; ');
  const { name, features, maxBufferBytes } = adapter;
  return [
    (await sha256OfText(structure)) || structure,
    `${blocks.length} blocks`,
    name,
    features.join(' '),
    maxBufferBytes,
    gpuBuild(),
    `threads ${threads}`,
    `version ${VERSION}`,
    `comparison ${REVISION}`,
  ].join(' | ');
}

/** A remembered choice, if it has the form of one. */
function readChoice(value: unknown): DeviceChoice | null {
  const choice = value as Partial<DeviceChoice> | null | undefined;
  const isKind = choice?.kind === 'webgpu' || choice?.kind === 'wasm';
  return isKind && typeof choice.reason === 'string' && choice.measured
    ? (choice as DeviceChoice)
    : null;
}
