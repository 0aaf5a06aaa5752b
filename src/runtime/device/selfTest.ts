// Tests a GPU against the CPU provider of the same build before it is trusted, and says which
// routes follow.

import type { SelfTest, SelfTestCheck } from '../../contract/device.ts';
import { describeAdapter, findAdapter } from './adapter.ts';
import { type Check, evaluateOn, runCheck } from './checks.ts';
import { loadOrt, type OrtLoader } from './ort.ts';
import { anglesProbe, attentionProbe, likelihoodProbe, productProbe } from './probes.ts';
import { gpuBuild, openWebgpu } from './webgpuEngine.ts';

/** Increased when checks change, so that remembered results of older checks are not used. */
const REVISION = 1;

export type CheckName =
  | 'product'
  | 'attention'
  | 'attention with subgroups'
  | 'soft cap'
  | 'sine and cosine'
  | 'likelihood';

/** What may be done with the GPU; follows from the checks alone. */
export interface Routes {
  /**
   * Matrix products, attention without subgroups and likelihoods are correct: the GPU can be used.
   */
  usable: boolean;
  /** Ask for the `subgroups` feature. */
  subgroups: boolean;
  /** Attention with a soft cap is correct on the GPU. */
  softcap: boolean;
}

interface GpuCheck extends Check<CheckName> {
  subgroups: boolean;
}

const checks = (): GpuCheck[] => [
  {
    name: 'product',
    probe: productProbe(),
    tolerance: 1e-3,
    subgroups: false,
    onFailure: 'the GPU is not used',
  },
  {
    name: 'attention',
    probe: attentionProbe(0),
    tolerance: 1e-3,
    subgroups: false,
    onFailure: 'the GPU is not used',
  },
  {
    name: 'attention with subgroups',
    probe: attentionProbe(0),
    tolerance: 1e-3,
    subgroups: true,
    onFailure: 'the device is opened without subgroups',
  },
  {
    name: 'soft cap',
    probe: attentionProbe(2),
    tolerance: 1e-3,
    subgroups: false,
    onFailure: 'graphs with a soft cap run on the CPU (wasm)',
  },
  {
    name: 'sine and cosine',
    probe: anglesProbe(),
    tolerance: 1e-5,
    subgroups: false,
    onFailure: 'rotary tables are computed on the CPU',
  },
  {
    name: 'likelihood',
    probe: likelihoodProbe(),
    tolerance: 1e-3,
    subgroups: false,
    onFailure: 'the GPU is not used',
  },
];

export interface SelfTestOptions {
  /** Changes the GPU's values before they are compared: tests inject faults with it. */
  tamper?: (check: CheckName, values: Float32Array) => void;
}

/** Which adapter, build and version a remembered result belongs to; null without an adapter. */
export async function selfTestKey(loader: OrtLoader): Promise<string | null> {
  const adapter = await findAdapter(loader);
  if (!adapter) return null;
  const runtime = await loadOrt(loader, gpuBuild());
  const { name, features } = describeAdapter(adapter);
  return [name, features.join(' '), runtime.build, runtime.version, `checks ${REVISION}`].join(
    ' | ',
  );
}

/**
 * Runs all checks on fresh devices and closes them.
 * @throws EspalierError `no-webgpu` when there is no adapter or device.
 */
export async function runSelfTest(
  loader: OrtLoader,
  options: SelfTestOptions = {},
): Promise<SelfTest> {
  const started = performance.now();
  const adapter = await findAdapter(loader);
  const hasSubgroups = adapter?.features.has('subgroups') ?? false;
  const all = checks();
  const results: SelfTestCheck[] = [];
  for (const subgroups of hasSubgroups ? [false, true] : [false]) {
    const engine = await openWebgpu(loader, { subgroups });
    try {
      for (const check of all)
        if (check.subgroups === subgroups)
          results.push(
            await runCheck(check, evaluateOn(engine, true), evaluateOn(engine), options.tamper),
          );
    } finally {
      await engine.dispose();
    }
  }
  if (!hasSubgroups)
    results.push({
      name: 'attention with subgroups',
      ok: true,
      maxError: null,
      note: 'not run: the adapter has no subgroups',
    });
  const routes = routesOf(results);
  return {
    passed: routes.usable,
    checks: results,
    routes: describeRoutes(routes),
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * What the checks allow. Side values always run on the CPU provider, so the check of sine and
 * cosine is for information only.
 */
export function routesOf(results: readonly SelfTestCheck[]): Routes {
  const ok = (name: CheckName): boolean =>
    results.find((check) => check.name === name)?.ok ?? false;
  const subgroupsRan = results.some(
    (check) => check.name === 'attention with subgroups' && check.maxError !== null,
  );
  return {
    usable: ok('product') && ok('attention') && ok('likelihood'),
    subgroups: subgroupsRan && ok('attention with subgroups'),
    softcap: ok('soft cap'),
  };
}

function describeRoutes(routes: Routes): string[] {
  if (!routes.usable) return ['everything on the CPU (wasm)'];
  return [
    routes.subgroups ? 'device with subgroups' : 'device without subgroups',
    routes.softcap ? 'soft-capped graphs on the GPU' : 'soft-capped graphs on the CPU (wasm)',
    'side values on the CPU',
  ];
}
