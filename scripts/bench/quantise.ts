// What it costs to write few bits: rounding against a plain copy of the files that it is made from,
// memory for a folder of 8 GB, and time and memory of GPTQ.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Stat, statOf } from '../../src/analysis/speed.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { inFreshProcess } from './fresh.ts';
import { above, atMost, type Check, report } from './limits.ts';
import { LLAMA_135M, randomWindows, writeLlama } from './llama.ts';
import { bestOf, type PairedRatio, pairedRatio } from './paired.ts';
import type { GptqFound, QuantiseAsked, WriteFound, WriteRace } from './quantiseOf.ts';
import { makeExternal } from './sparse.ts';

interface SpeedOverCopy {
  /** MB of the source per second, 10^6 bytes. */
  speed: Stat;
  copySpeed: Stat;
  /** Round by round; the fastest run of each counts. */
  overCopy: PairedRatio;
}

interface WriteRow extends Omit<WriteFound, 'fromMemory' | 'fromDisk'> {
  name: string;
  fromMemory: SpeedOverCopy | null;
  fromDisk: SpeedOverCopy | null;
  checks: Check[];
  ok: boolean;
}

interface GptqRow extends GptqFound {
  name: string;
  /** What the engine's books held, over what was stated. */
  heldRatio: number;
  checks: Check[];
  ok: boolean;
}

/** The goal is 0.5. */
const OVER_COPY = 0.3;
/** Bytes above those of the process before it opened the model. */
const MEMORY_LIMIT = 500e6;
/** Held over stated, and stated over held where runs of a block take little beside the weights. */
const HELD = 1.2;
const STATED = 1.25;
const LARGE = 100e6;
const ROUNDS = 3;
const TURNS = 2;
/** Times the sample: 8 GB. */
const SPARSE_FACTOR = 661;
const WINDOWS = { count: 32, length: 128 };

export async function benchQuantise(root: string): Promise<(WriteRow | GptqRow)[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'espalier-quantise-'));
  const at = (name: string): string => join(scratch, name);
  try {
    const sample = join(root, 'public/sample');
    writeLlama(sample, at('135m'), LLAMA_135M);
    const rows: (WriteRow | GptqRow)[] = [];
    const written = async (name: string, path: string, more: Partial<Written>): Promise<void> => {
      rows.push(await writes(name, { path, out: at('out'), turns: 0, ...more }));
      rmSync(at('out'), { recursive: true, force: true });
    };
    await written('RTN of 135M parameters', at('135m'), { turns: ROUNDS * TURNS });
    mkdirSync(at('sparse'));
    makeExternal(sample, at('sparse'), { factor: SPARSE_FACTOR });
    await written('RTN of a sparse folder of 8 GB', at('sparse'), {});
    const { count, length } = WINDOWS;
    rows.push(
      await computes('GPTQ of the sample', {
        ...{ path: sample, graph: 'onnx/model.onnx', windows: sampleWindows(root) },
      }),
      await computes('GPTQ of 135M parameters', {
        ...{ path: at('135m'), windows: randomWindows(count, length, LLAMA_135M.vocab) },
      }),
    );
    report(rows.flatMap(({ checks }) => checks));
    return rows;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** As GPTQ takes them: one after the other from the start of the text. */
function sampleWindows(root: string): number[][] {
  const { count, length } = WINDOWS;
  const read = (path: string): string => readFileSync(join(root, 'public', path), 'utf8');
  const ids = loadTokenizer(
    read('sample/tokenizer.json'),
    read('sample/tokenizer_config.json'),
  ).encode(read('text/calibration.txt'));
  return Array.from({ length: count }, (_, k) => [...ids.slice(length * k, length * (k + 1))]);
}

type Written = Omit<Extract<QuantiseAsked, { job: 'write' }>, 'job'>;
type Computed = Omit<Extract<QuantiseAsked, { job: 'gptq' }>, 'job'>;

const MODULE = new URL('./quantiseOf.ts', import.meta.url);

async function writes(name: string, asked: Written): Promise<WriteRow> {
  const found = await inFreshProcess<WriteFound>(MODULE, { job: 'write', ...asked });
  const { fromMemory, fromDisk, residentBytes } = found;
  const over = (race: WriteRace | null): SpeedOverCopy | null =>
    race && asked.turns > 0 ? speedOverCopy(found, race) : null;
  const [memory, disk] = [over(fromMemory), over(fromDisk)];
  const judged = disk ?? memory;
  const checks = [
    atMost(
      `${name}: bytes of memory beyond those before`,
      residentBytes.peak - residentBytes.before,
      MEMORY_LIMIT,
    ),
    ...(judged
      ? [above(`${name}: speed over a copy of the source`, judged.overCopy, OVER_COPY)]
      : []),
  ];
  return {
    ...{ ...found, name, fromMemory: memory, fromDisk: disk },
    ...{ checks, ok: checks.every(({ ok }) => ok) },
  };
}

function speedOverCopy({ sourceBytes }: WriteFound, race: WriteRace): SpeedOverCopy {
  const speeds = (times: WriteRace[keyof WriteRace]): number[] =>
    bestOf(
      times.map(({ wall }) => sourceBytes / 1e6 / wall),
      TURNS,
    );
  const [own, plain] = [speeds(race.quantise), speeds(race.copy)];
  return {
    speed: statOf(own, 'MB/s'),
    copySpeed: statOf(plain, 'MB/s'),
    overCopy: pairedRatio(own, plain),
  };
}

async function computes(name: string, asked: Computed): Promise<GptqRow> {
  const found = await inFreshProcess<GptqFound>(MODULE, { job: 'gptq', ...asked });
  const heldRatio = found.heldBytes / found.stated.total;
  const checks = [atMost(`${name}: bytes held over stated`, heldRatio, HELD)];
  // What the kernels of a small model take for themselves is stated, and not in the books.
  if (found.stated.total > LARGE)
    checks.push(atMost(`${name}: bytes stated over held`, 1 / heldRatio, STATED));
  return { ...found, name, heldRatio, checks, ok: checks.every(({ ok }) => ok) };
}
