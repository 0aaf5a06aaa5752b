// Chooses the device for a model from what was requested, what the self-test found, and what the
// graph needs.

import type { DeviceKind, SelfTest } from '../../contract/device.ts';
import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { kernelObstacle } from '../../model/programs/kernels.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import type { Engine } from '../device/engine.ts';
import { openNative } from '../device/nativeEngine.ts';
import { nativeGap, nativeTestOnce } from '../device/nativeTest.ts';
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
  /** Why the device is not the requested one, and what is slow on it; sentences for people. */
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
 * wasm, with a note, when the GPU fails its self-test or the graph must not run on it; so does `cpu`
 * where the graph has an operator that the native CPU gets wrong.
 * @throws EspalierError `no-webgpu` when WebGPU is requested and there is no adapter; `bad-input`
 *   when `cpu` is requested and there is no native ONNX Runtime;
 *   `unsupported-graph`, `unsupported-op` from the graph.
 */
export async function openRouted(
  opened: OpenedModel,
  loader: OrtLoader,
  requested: 'auto' | DeviceKind,
  selfTestOf: SelfTestSource,
): Promise<RoutedSession> {
  const notes: string[] = [];
  const onWasm = async (selfTest: SelfTest | null): Promise<RoutedSession> => {
    const engine = await openWasm(loader);
    return { session: ScoreSession.open(opened, engine), engine, selfTest, notes };
  };
  if (requested === 'wasm') return onWasm(null);
  if (requested === 'cpu') {
    const selfTest = await nativeTestOnce(loader);
    const gap = nativeGap(selfTest, opened.structure.graph, 'fed');
    if (gap !== null) {
      notes.push(`${gap} Scoring runs on the CPU (wasm).`);
      return onWasm(selfTest);
    }
    const engine = await openNative(loader);
    return { session: ScoreSession.open(opened, engine), engine, selfTest, notes };
  }
  const selfTest = await selfTestOf();
  if (!selfTest) {
    if (requested === 'webgpu')
      throw new EspalierError(
        'no-webgpu',
        'This browser or machine has no WebGPU adapter.',
        'Choose the CPU (wasm), or use a recent Chrome or Edge with hardware acceleration on.',
      );
    return onWasm(null);
  }
  if (!gpuUsable(selfTest)) {
    const failed = selfTest.checks.filter((check) => !check.ok).map((check) => check.name);
    notes.push(
      `The GPU failed its self-test (${failed.join(', ')}), so scoring runs on the CPU (wasm).`,
    );
    return onWasm(selfTest);
  }
  const routes = routesOf(selfTest.checks);
  const lacking = kernelObstacle(opened.structure.graph, 'webgpu');
  if (lacking !== null) {
    notes.push(`${lacking} Scoring runs on the CPU (wasm).`);
    return onWasm(selfTest);
  }
  const { wasmOnly, rowsInteract } = makeScorePrograms(opened, { device: 'webgpu' });
  if (wasmOnly && !routes.softcap) {
    notes.push(`${wasmOnly} Scoring runs on the CPU (wasm).`);
    return onWasm(selfTest);
  }
  if (rowsInteract) {
    notes.push(
      'This graph quantises its activations to int8 while it runs. WebGPU has no kernels for ' +
        'that, so scoring runs on the CPU (wasm).',
    );
    return onWasm(selfTest);
  }
  const engine = await openWebgpu(loader, { subgroups: routes.subgroups });
  const session = ScoreSession.open(opened, engine);
  const { obstacle } = session.memory(1, 2);
  if (largestWeight(session.programs) > engine.maxBufferBytes && obstacle) {
    await engine.dispose();
    notes.push(`${obstacle} Scoring runs on the CPU (wasm).`);
    return onWasm(selfTest);
  }
  return { session, engine, selfTest, notes };
}
