// What this machine offers: the adapter, its self-test, and the device that follows.

import type { DeviceReport, SelfTest } from '../contract/device.ts';
import { toReport } from '../errors.ts';
import { recallSelfTest, rememberSelfTest } from '../files/rememberedValues.ts';
import { describeAdapter, findAdapter } from '../runtime/device/adapter.ts';
import type { OrtLoader } from '../runtime/device/ort.ts';
import { runSelfTest, selfTestKey } from '../runtime/device/selfTest.ts';
import { gpuUsable } from '../runtime/score/route.ts';

/**
 * Looks for a GPU and tests it, unless the result is remembered. Never throws: what is wrong is the
 * report's reason.
 */
export async function probeDevice(loader: OrtLoader): Promise<DeviceReport> {
  const report = await probeGpu(loader);
  const threads = report.preferred === 'wasm' ? await loader.threadMeasurement?.() : null;
  return threads ? { ...report, threads } : report;
}

async function probeGpu(loader: OrtLoader): Promise<DeviceReport> {
  const adapter = await findAdapter(loader);
  if (!adapter) {
    const reason = 'This browser offers no WebGPU adapter, so models run on the CPU (wasm).';
    return {
      preferred: 'wasm',
      webgpu: false,
      adapter: '',
      reason,
      features: [],
      maxBufferBytes: 0,
      selfTest: null,
    };
  }
  const info = describeAdapter(adapter);
  let selfTest: SelfTest | null = null;
  let reason: string | null = null;
  try {
    const key = await selfTestKey(loader);
    selfTest = key === null ? null : asSelfTest(await recallSelfTest(key));
    if (!selfTest) {
      selfTest = await runSelfTest(loader);
      if (key !== null) await rememberSelfTest(key, selfTest);
    }
    if (!gpuUsable(selfTest))
      reason = 'The GPU failed its self-test, so models run on the CPU (wasm).';
  } catch (error) {
    reason = `${toReport(error).message} Models run on the CPU (wasm).`;
  }
  const usable = gpuUsable(selfTest);
  return {
    preferred: usable ? 'webgpu' : 'wasm',
    webgpu: usable,
    adapter: info.name,
    reason,
    features: info.features,
    maxBufferBytes: info.maxBufferBytes,
    selfTest,
  };
}

/** A remembered result, if it has the form of one. */
function asSelfTest(value: unknown): SelfTest | null {
  const test = value as Partial<SelfTest> | null;
  return test &&
    Array.isArray(test.checks) &&
    Array.isArray(test.routes) &&
    typeof test.passed === 'boolean'
    ? (test as SelfTest)
    : null;
}
