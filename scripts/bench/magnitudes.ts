// Magnitudes of large folders: bytes read, memory held, speed against reading the files.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Stat, statOf } from '../../src/analysis/speed.ts';
import type { Clock, Timed } from './clocks.ts';
import { inFreshProcess } from './fresh.ts';
import { above, atMost, type Check, none, report } from './limits.ts';
import type { MagnitudesFound, Race } from './magnitudesOf.ts';
import { bestOf, type PairedRatio, pairedRatio } from './paired.ts';
import { makeExternal } from './sparse.ts';

export interface MagnitudesRow {
  name: string;
  bytesRead: number;
  /** Most bytes resident in the process, Node's own included. */
  peakBytes: number;
  /**
   * Against files that the system keeps in memory: how much slower than copying memory the sums
   * are. Null where the files are holes.
   */
  fromMemory: SpeedOverRead | null;
  /**
   * Against files that are read from the disk, which the limit is about; null where they cannot be.
   */
  fromDisk: SpeedOverRead | null;
  checks: Check[];
  ok: boolean;
}

/** MB/s, 10^6 bytes. */
interface SpeedOverRead {
  speed: Stat;
  /** Of reading the same files into one buffer. */
  readSpeed: Stat;
  overRead: PairedRatio;
  /** Of magnitudes, by a second of processor time: what else the machine does is not in it. */
  processorSpeed: Stat;
}

const OVER_READ = 0.5;
const MEMORY_LIMIT = 300e6;
const ROUNDS = 3;
/** Of each round the fastest run counts: other work of the machine only ever slows. */
const TURNS = 3;

interface Case {
  name: string;
  folder: string;
  graph?: string;
  factor: number;
  /** Holes: for memory and bytes alone. */
  sparse?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'float32, 8 GB', folder: 'public/sample', factor: 661, sparse: true },
  { name: 'float32, 0.5 GB', folder: 'public/sample', factor: 41 },
  {
    name: 'float16, 0.5 GB',
    folder: 'e2e/fixtures/genai-llama-fp16-webgpu',
    graph: 'model.onnx',
    factor: 1200,
  },
  { name: '4-bit, 0.5 GB', folder: 'public/sample', graph: 'onnx/model_q4.onnx', factor: 288 },
];

export async function benchMagnitudes(root: string): Promise<MagnitudesRow[]> {
  const rows: MagnitudesRow[] = [];
  for (const one of CASES) rows.push(await measure(root, one));
  report(rows.flatMap(({ checks }) => checks));
  return rows;
}

async function measure(
  root: string,
  { name, folder, graph, factor, sparse }: Case,
): Promise<MagnitudesRow> {
  const scratch = mkdtempSync(join(tmpdir(), 'espalier-magnitudes-'));
  try {
    const path = join(scratch, 'model');
    mkdirSync(path);
    makeExternal(join(root, folder), path, { factor, graph, full: !sparse });
    const asked = { path, turns: sparse ? 0 : ROUNDS * TURNS };
    const found = await inFreshProcess<MagnitudesFound>(
      new URL('./magnitudesOf.ts', import.meta.url),
      asked,
    );
    const over = (race: Race | null): SpeedOverRead | null =>
      race && !sparse ? speedOverRead(found, race) : null;
    const fromDisk = over(found.fromDisk);
    const checks = [
      none(`magnitudes of ${name}: bytes read twice`, found.twice),
      atMost(`magnitudes of ${name}: bytes of memory`, found.peakBytes, MEMORY_LIMIT),
      ...(fromDisk
        ? [
            above(
              `magnitudes of ${name}: speed over reading the files from the disk`,
              fromDisk.overRead,
              OVER_READ,
            ),
          ]
        : []),
    ];
    return {
      name,
      bytesRead: found.bytesRead,
      peakBytes: found.peakBytes,
      fromMemory: over(found.fromMemory),
      fromDisk,
      checks,
      ok: checks.every(({ ok }) => ok),
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function speedOverRead({ bytesRead, readBytes }: MagnitudesFound, race: Race): SpeedOverRead {
  const speeds = (size: number, times: readonly Timed[], clock: Clock): number[] =>
    bestOf(
      times.map((time) => size / 1e6 / time[clock]),
      TURNS,
    );
  const own = speeds(bytesRead, race.magnitudes, 'wall');
  const plain = speeds(readBytes, race.read, 'wall');
  return {
    speed: statOf(own, 'MB/s'),
    readSpeed: statOf(plain, 'MB/s'),
    overRead: pairedRatio(own, plain),
    processorSpeed: statOf(speeds(bytesRead, race.magnitudes, 'processor'), 'MB/s'),
  };
}
