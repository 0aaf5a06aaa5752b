// Chooses the device for a model from what was requested, what the self-test found, what the graph
// needs, and for `auto` what is faster.

import type { DeviceChoice, DeviceKind, SelfTest } from '../../contract/device.ts';
import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { kernelObstacle } from '../../model/programs/kernels.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { type ChoiceOptions, chooseDevice } from '../choice/choose.ts';
import { describeAdapter, findAdapter } from '../device/adapter.ts';
import type { Engine } from '../device/engine.ts';
import { openNative } from '../device/native/engine.ts';
import { nativeGap, nativeTestOnce } from '../device/native/selfTest.ts';
import type { OrtLoader } from '../device/ort.ts';
import { routesOf } from '../device/selfTest.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { openWebgpu } from '../device/webgpuEngine.ts';
import { largestWeight } from '../weights/stages.ts';
import { ScoreSession } from './session.ts';

export interface RoutedSession {
  session: ScoreSession;
  engine: Engine;
  /** The self-test whose result led here; null when neither GPU nor native CPU was looked at. */
  selfTest: SelfTest | null;
  /** What `auto` means for this model; null where a device was asked for by name. */
  choice: DeviceChoice | null;
  /** Why it is this device, where that follows from more than the request; sentences for people. */
  notes: string[];
}

/** The self-test of this machine's GPU, or null when there is no adapter. */
export type SelfTestSource = () => Promise<SelfTest | null>;

/** True when the GPU may be used at all. */
export function gpuUsable(selfTest: SelfTest | null): boolean {
  return selfTest !== null && routesOf(selfTest.checks).usable;
}

/**
 * Opens a scoring session of the model on the device that fits. `auto` and `webgpu` fall back to
 * wasm, with a note, when the GPU fails its self-test or the graph must not run on it; so does
 * `cpu` where the graph has an operator that the native CPU gets wrong. Where GPU and wasm can both
 * run it, `auto` takes what runs a block of it faster.
 * @throws EspalierError `no-webgpu` when WebGPU is requested and there is no adapter; `bad-input`
 *   when `cpu` is requested and there is no native ONNX Runtime;
 *   `unsupported-graph`, `unsupported-op` from the graph; `cancelled`.
 */
export async function openRouted(
  opened: OpenedModel,
  loader: OrtLoader,
  requested: 'auto' | DeviceKind,
  selfTestOf: SelfTestSource,
  options: ChoiceOptions = {},
): Promise<RoutedSession> {
  const notes: string[] = [];
  const isAuto = requested === 'auto';
  const onWasm = async (
    selfTest: SelfTest | null,
    choice: DeviceChoice | null,
  ): Promise<RoutedSession> => {
    const engine = await openWasm(loader);
    return { session: ScoreSession.open(opened, engine), engine, selfTest, choice, notes };
  };
  if (requested === 'wasm') return onWasm(null, null);
  if (requested === 'cpu') {
    const selfTest = await nativeTestOnce(loader);
    const gap = nativeGap(selfTest, opened.structure.graph, 'fed');
    if (gap !== null) {
      notes.push(`${gap} Scoring runs on the CPU (wasm).`);
      return onWasm(selfTest, null);
    }
    const engine = await openNative(loader);
    const session = ScoreSession.open(opened, engine);
    return { session, engine, selfTest, choice: null, notes };
  }
  const selfTest = await selfTestOf();
  if (!selfTest) {
    if (!isAuto)
      throw new EspalierError(
        'no-webgpu',
        'This browser or machine has no WebGPU adapter.',
        'Choose the CPU (wasm), or use a recent Chrome or Edge with hardware acceleration on.',
      );
    return onWasm(null, onlyWasm('There is no WebGPU adapter, so models run on the CPU (wasm).'));
  }
  const programs = gpuPrograms(opened, selfTest);
  if (typeof programs === 'string') {
    notes.push(programs);
    return onWasm(selfTest, isAuto ? onlyWasm(programs) : null);
  }

  const { subgroups } = routesOf(selfTest.checks);
  let opening: Promise<Engine> | null = null;
  const openGpu = (): Promise<Engine> => {
    opening ??= openWebgpu(loader, { subgroups });
    return opening;
  };
  const closeGpu = async (): Promise<void> => {
    await (await opening?.catch(() => null))?.dispose().catch(() => {});
  };
  try {
    const adapter = isAuto ? await findAdapter(loader) : null;
    const choice =
      adapter &&
      (await chooseDevice({
        ...options,
        opened,
        programs,
        loader,
        adapter: describeAdapter(adapter),
        openGpu,
      }));
    if (choice) notes.push(choice.reason);
    if (choice?.kind === 'wasm') {
      await closeGpu();
      return await onWasm(selfTest, choice);
    }
    const engine = await openGpu();
    const session = ScoreSession.open(opened, engine);
    const { obstacle } = session.memory(1, 2);
    if (largestWeight(session.programs) > engine.maxBufferBytes && obstacle) {
      await closeGpu();
      const reason = `${obstacle} Scoring runs on the CPU (wasm).`;
      notes.push(reason);
      return await onWasm(selfTest, isAuto ? onlyWasm(reason) : null);
    }
    return { session, engine, selfTest, choice, notes };
  } catch (error) {
    await closeGpu();
    throw error;
  }
}

/** The choice where score programs run on the CPU alone. */
const onlyWasm = (reason: string): DeviceChoice => ({
  kind: 'wasm',
  whole: null,
  reason,
  measured: null,
});

/** Score programs for the GPU, or in sentences why it does not run those of this graph. */
function gpuPrograms(opened: OpenedModel, selfTest: SelfTest): ScorePrograms | string {
  if (!gpuUsable(selfTest)) {
    const failed = selfTest.checks.filter((check) => !check.ok).map((check) => check.name);
    const which = failed.join(', ');
    return `The GPU failed its self-test (${which}), so scoring runs on the CPU (wasm).`;
  }
  const lacking = kernelObstacle(opened.structure.graph, 'webgpu');
  if (lacking !== null) return `${lacking} Scoring runs on the CPU (wasm).`;
  const programs = makeScorePrograms(opened, { device: 'webgpu' });
  if (programs.wasmOnly && !routesOf(selfTest.checks).softcap)
    return `${programs.wasmOnly} Scoring runs on the CPU (wasm).`;
  if (programs.rowsInteract)
    return (
      'This graph quantises its activations to int8 while it runs. WebGPU has no kernels for ' +
      'that, so scoring runs on the CPU (wasm).'
    );
  return programs;
}
