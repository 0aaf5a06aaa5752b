// The adapter as WebGPU describes it, and the self-test that says what may be trusted on it.

import { describeAdapter, findAdapter } from '../../src/runtime/device/adapter.ts';
import { nodeLoader } from '../../src/runtime/device/ort.node.ts';
import { loadOrt } from '../../src/runtime/device/ort.ts';
import { routesOf, runSelfTest } from '../../src/runtime/device/selfTest.ts';
import { gpuBuild } from '../../src/runtime/device/webgpuEngine.ts';
import { none } from '../bench/limits.ts';
import type { Part, PartContext } from './part.ts';

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** What the JSON says of the adapter. */
export interface AdapterRecord {
  name: string;
  vendor: string;
  architecture: string;
  device: string;
  /** Under Vulkan, driver and its version. */
  description: string;
  /** It computes on the CPU: its figures say nothing of a GPU. */
  software: boolean;
  features: string[];
  limits: Record<string, number>;
}

function recordOf(adapter: GPUAdapter): AdapterRecord {
  const { vendor, architecture, device, description } = adapter.info;
  const { name, features, isSoftware } = describeAdapter(adapter);
  return {
    name,
    vendor,
    architecture,
    device,
    description,
    software: isSoftware,
    features,
    limits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
  };
}

export const device: Part = {
  name: 'device',
  title: 'self-test',
  limit: { full: 60, quick: 25 },
  needsGpu: false,
  run,
};

async function run(context: PartContext): Promise<void> {
  const adapter = await findAdapter(nodeLoader);
  if (!adapter) {
    context.say({ details: { adapter: null } });
    return;
  }
  context.say({ details: { adapter: recordOf(adapter) } });
  const { version } = await loadOrt(nodeLoader, gpuBuild());
  const selfTest = await runSelfTest(nodeLoader);
  const { usable } = routesOf(selfTest.checks);
  context.say({
    figures: { selfTest: { value: selfTest.seconds, unit: 's' } },
    checks: [none('self-test: reasons not to use this GPU', usable ? 0 : 1)],
    notes: [
      `Routes: ${selfTest.routes.join(', ')}.`,
      ...selfTest.checks
        .filter(({ ok, note }) => !ok || note !== '')
        .map(({ name, note }) => `${name}: ${note}.`),
    ],
    details: { selfTest, runtime: `onnxruntime-web ${version}` },
  });
}
