// Asks for the GPU: adapter, limits, features, and a device of our own.

import { EspalierError } from '../../errors.ts';
import type { OrtLoader } from './ort.ts';

/**
 * Limits worth raising from the defaults to what the adapter has: sizes of buffers and of
 * workgroups.
 */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** Features that are safe to ask for. `subgroups` are not: see the device self-test. */
const FEATURES: readonly string[] = ['shader-f16', 'timestamp-query'];

/** Adapters that compute on the CPU and do not always say so: Mesa's, SwiftShader, Microsoft's. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|basic render/i;

export interface AdapterInfo {
  /** Vendor, architecture and description, for people. */
  readonly name: string;
  readonly features: string[];
  readonly maxBufferBytes: number;
  /** The adapter computes on the CPU, and its memory is the CPU's. */
  readonly isSoftware: boolean;
}

/** The adapter, or null when there is none. */
export async function findAdapter(loader: OrtLoader): Promise<GPUAdapter | null> {
  const gpu = await loader.gpu();
  return (
    (await gpu?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null)) ?? null
  );
}

export function describeAdapter(adapter: GPUAdapter): AdapterInfo {
  const { vendor, architecture, description, device } = adapter.info;
  const words = [vendor, architecture, description || device].filter((word) => word !== '');
  return {
    name: [...new Set(words)].join(' ') || 'unnamed GPU',
    features: [...adapter.features].sort(),
    maxBufferBytes: Math.min(
      adapter.limits.maxBufferSize,
      adapter.limits.maxStorageBufferBindingSize,
    ),
    isSoftware: adapter.info.isFallbackAdapter || SOFTWARE.test([...words, device].join(' ')),
  };
}

/**
 * A device of our own. ONNX Runtime's default device is destroyed with its last session, and every
 * buffer on it too.
 * @throws EspalierError `no-webgpu` when the adapter gives none.
 */
export async function requestDevice(
  adapter: GPUAdapter,
  options: { subgroups: boolean },
): Promise<GPUDevice> {
  const requested = options.subgroups ? [...FEATURES, 'subgroups'] : FEATURES;
  const requiredFeatures = requested.filter((name) =>
    adapter.features.has(name),
  ) as GPUFeatureName[];
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  try {
    return await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (error) {
    throw new EspalierError(
      'no-webgpu',
      'The GPU adapter provided no device.',
      'Use the CPU (wasm), or restart the browser.',
      String(error),
    );
  }
}
