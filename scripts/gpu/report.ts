// What the GPU benchmark writes: one JSON with every part's figures and their ratios to the same
// machine's CPU and to the measured bandwidth of the card, and a short table.

import type { AdapterRecord } from './device.ts';
import type { Figure, PartRow } from './part.ts';

interface Machine {
  platform: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  /** Of one minute, before and after: what else the machine did. */
  load: [number, number];
  /** First line of the driver's own version file, where NVIDIA's has one. */
  driver: string | null;
}

export interface Ratio {
  name: string;
  value: number;
  /** What is over what. */
  meaning: string;
}

export interface GpuReport {
  format: 'espalier-gpu-bench';
  formatVersion: 1;
  date: string;
  quick: boolean;
  /** True when every part ran and every number is right. */
  ok: boolean;
  versions: { espalier: string; node: string; runtime: string | null; webgpu: string | null };
  machine: Machine;
  /** Null where not even the self-test came to see it. */
  adapter: AdapterRecord | null;
  /** How the CPU was used in the figures that are compared with it: "CPU (native, 16 threads)". */
  cpuDevice: string | null;
  parts: PartRow[];
  ratios: Ratio[];
  /** Parts that are not ok, with their reasons. */
  failures: { name: string; status: PartRow['status']; reason: string }[];
  seconds: number;
}

/** Part, figure on WebGPU, figure on the CPU; `rate` = more is better. */
const TIMES_CPU: readonly [string, string, string, string, boolean][] = [
  ['curve-webgpu', 'curve', 'curve-cpu', 'curve', false],
  ['taylor', 'webgpu.taylor', 'taylor', 'cpu.taylor', false],
  ['lora', 'webgpu.step', 'lora', 'cpu.step', false],
  ['decode-fp32', 'webgpu.decode', 'decode-fp32', 'cpu.decode', true],
  ['decode-q4', 'webgpu.decode', 'decode-q4', 'cpu.decode', true],
  ...['block-fp16', 'block-q4'].flatMap((part) =>
    ['prefill10x128', 'prefill1x128', 'prefill1x32', 'decode'].map(
      (work) => [part, `webgpu.${work}`, part, `cpu.${work}`, false] as const,
    ),
  ),
].map(([a, b, c, d, e]) => [a, b, c, d, e] as [string, string, string, string, boolean]);

/** Figures in GB/s that are a share of the bandwidth. */
const SHARES: readonly [string, string][] = [
  ['block-fp16', 'webgpu.decode.weights'],
  ['block-q4', 'webgpu.decode.weights'],
];

/** Ratios of the figures that are there; what is wrong or missing has none. */
export function ratiosOf(parts: readonly PartRow[]): Ratio[] {
  const figure = (part: string, name: string): Figure | undefined =>
    parts.find((row) => row.name === part)?.figures[name];
  const ratios: Ratio[] = [];
  for (const [part, name, cpuPart, cpuName, rate] of TIMES_CPU) {
    const gpu = figure(part, name);
    const cpu = figure(cpuPart, cpuName);
    if (!gpu || !cpu) continue;
    ratios.push({
      name: `${part} ${name.replace('webgpu.', '')}: times the CPU`,
      value: rate ? gpu.value / cpu.value : cpu.value / gpu.value,
      meaning: rate ? 'rate on WebGPU over rate on the CPU' : 'time on the CPU over time on WebGPU',
    });
  }
  const bandwidth = figure('bandwidth', 'bandwidth');
  for (const [part, name] of SHARES) {
    const read = figure(part, name);
    if (!read || !bandwidth) continue;
    ratios.push({
      name: `${part} decode: share of the measured bandwidth`,
      value: read.value / bandwidth.value,
      meaning: 'bytes of weights per second over the highest bandwidth that was measured',
    });
  }
  return ratios;
}

export function failuresOf(parts: readonly PartRow[]): GpuReport['failures'] {
  return parts
    .filter(({ status }) => status !== 'ok')
    .map(({ name, status, reason }) => ({ name, status, reason: reason ?? '' }));
}

/** Three digits, without exponents: 0.0123, 4.56, 1230. */
export function digits(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const places = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(places, 8));
}

/** The table for people. */
export function tableOf(report: GpuReport): string {
  const { adapter, machine, cpuDevice, parts, ratios } = report;
  const lines = [
    `GPU: ${adapter?.name ?? 'unknown'}`,
    `CPU: ${machine.cpu}, ${machine.cores} cores; ${cpuDevice ?? 'not measured'}`,
  ];
  if (adapter?.software)
    lines.push('This adapter computes on the CPU: its figures check numbers, not speed.');
  for (const { title, status, reason, seconds, figures } of parts) {
    lines.push('', `${title}: ${status.toUpperCase()}, ${seconds.toFixed(0)} s`);
    if (reason) lines.push(`  ${reason}`);
    for (const [name, { value, unit }] of Object.entries(figures))
      lines.push(`  ${name.padEnd(36)}${digits(value).padStart(10)} ${unit}`);
  }
  if (ratios.length > 0) lines.push('', 'Ratios');
  for (const { name, value } of ratios)
    lines.push(`  ${name.padEnd(56)}${digits(value).padStart(10)}`);
  const wrong = report.failures.length;
  lines.push(
    '',
    wrong === 0
      ? 'Every part ran, and every number that was compared is right.'
      : `${wrong} of ${parts.length} parts are not ok: ${report.failures
          .map(({ name, status }) => `${name} (${status})`)
          .join(', ')}.`,
    '',
  );
  return lines.join('\n');
}
