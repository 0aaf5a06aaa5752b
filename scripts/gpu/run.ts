// Runs all parts within the time that they have together, and makes the report.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, totalmem } from 'node:os';
import type { SelfTest } from '../../src/contract/device.ts';
import { VERSION } from '../../src/version.ts';
import type { AdapterRecord } from './device.ts';
import type { Part, PartContext, PartRow } from './part.ts';
import { FIRST, PARTS, TOTAL_SECONDS } from './parts.ts';
import { failuresOf, type GpuReport, ratiosOf } from './report.ts';
import { notRun, runPart } from './runPart.ts';

export interface GpuOptions {
  /** The module that serves parts (`servePart`). */
  entry: string;
  /** The folder that holds `public/sample`. */
  root: string;
  quick: boolean;
  /** Every time limit is multiplied by it. */
  patience: number;
  /** Told when a part begins and when it has ended. */
  onPart(title: string, row: PartRow | null): void;
}

/** The report, or null where there is no adapter. */
export async function runGpuBench(options: GpuOptions): Promise<GpuReport | null> {
  const { entry, root, quick, patience, onPart } = options;
  const started = performance.now();
  const loadBefore = loadavg()[0] ?? 0;
  const seconds = (): number => (performance.now() - started) / 1000;
  const size = quick ? 'quick' : 'full';
  const parts: PartRow[] = [];
  let selfTest: SelfTest | null = null;
  let adapter: AdapterRecord | null = null;
  for (const part of PARTS) {
    onPart(part.title, null);
    const left = TOTAL_SECONDS[size] * patience - seconds();
    const limitSeconds = Math.min(part.limit[size] * patience, left);
    const software = adapter?.software ?? false;
    const context: Omit<PartContext, 'say'> = { root, quick, limitSeconds, selfTest, software };
    const reason = obstacle(part, parts, limitSeconds);
    const row: PartRow = reason ? notRun(part, reason) : await runPart(entry, part, context);
    if (part === FIRST) {
      adapter = (row.details.adapter as AdapterRecord | undefined) ?? null;
      if (!adapter && row.status === 'ok') return null;
      selfTest = (row.details.selfTest as SelfTest | undefined) ?? null;
    }
    parts.push(row);
    onPart(part.title, row);
  }
  const failures = failuresOf(parts);
  return {
    format: 'espalier-gpu-bench',
    formatVersion: 1,
    date: new Date().toISOString(),
    quick,
    ok: failures.length === 0,
    versions: {
      espalier: VERSION,
      node: process.version,
      runtime: detail(parts, FIRST.name, 'runtime'),
      webgpu: packageVersion('webgpu'),
    },
    machine: {
      platform: `${process.platform} ${process.arch}`,
      cpu: cpus()[0]?.model ?? '',
      cores: cpus().length,
      memoryBytes: totalmem(),
      load: [loadBefore, loadavg()[0] ?? 0],
      driver: driverLine(),
    },
    adapter,
    cpuDevice: detail(parts, 'curve-cpu', 'device') ?? detail(parts, 'block-fp16', 'cpu'),
    parts,
    ratios: ratiosOf(parts),
    failures,
    seconds: seconds(),
  };
}

/** Why a part is not begun. */
function obstacle(part: Part, done: readonly PartRow[], limitSeconds: number): string | null {
  if (limitSeconds < 1) return 'The time of all parts together was over.';
  const [first] = done;
  if (part.needsGpu && first && first.status !== 'ok')
    return 'The GPU has not passed its self-test, so its figures would mean nothing.';
  return null;
}

function detail(parts: readonly PartRow[], part: string, name: string): string | null {
  const value = parts.find((row) => row.name === part)?.details[name];
  return typeof value === 'string' ? value : null;
}

function packageVersion(name: string): string | null {
  try {
    const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}

function driverLine(): string | null {
  try {
    return readFileSync('/proc/driver/nvidia/version', 'utf8').split('\n')[0] ?? null;
  } catch {
    return null;
  }
}
