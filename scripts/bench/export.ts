// Time to write an export against a plain copy of the same bytes, in Node and in the browser, and
// the memory that it takes.

import { mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Stat, statOf } from '../../src/analysis/speed.ts';
import { exportManifest } from '../../src/model/export/manifest.ts';
import { openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { writeFolder } from '../../src/node/writeFolder.ts';
import { buildBenchPage, openBenchPage } from './browserRun.ts';
import { makeCheckpoint, makeGguf } from './checkpoints.ts';
import { above, atMost, type Check, report } from './limits.ts';
import { bestOf, type PairedRatio, pairedRatio } from './paired.ts';
import { makeExternal } from './sparse.ts';

export interface ExportRow {
  name: string;
  /** Bytes that each of both writes. */
  bytes: number;
  rounds: number;
  /** Runs of a round, of which the fastest counts. */
  turns: number;
  /** MB/s, 10^6 bytes. */
  export: Stat;
  copy: Stat;
  /** Speed of the export over that of the copy, round by round. */
  overCopy: PairedRatio;
  /** Most bytes of the process above those before, where that is measured. */
  memoryBytes: number | null;
  checks: Check[];
  ok: boolean;
}

/** Goal of the project: at least 0.7 of a plain copy. */
const OVER_COPY = 0.7;
const MEMORY_LIMIT = 64 * 2 ** 20;
const ROUNDS = 8;
/** Of each round the fastest run counts: other work of the machine only ever slows. */
const TURNS = 3;
const BROWSER_BYTES = 128 * 2 ** 20;

interface NodeCase {
  name: string;
  /** The model in an empty folder. */
  make(root: string, out: string): Promise<void> | void;
  removed: number[];
  /** Both read holes, without a disk; what they write is not. */
  sparse: boolean;
  rounds: number;
  turns: number;
}

const SMALL: NodeCase = {
  name: 'folder of 0.2 GB',
  make: (root, out) =>
    void makeExternal(join(root, 'public/sample'), out, { factor: 21, full: true }),
  removed: [3, 7],
  sparse: false,
  rounds: ROUNDS,
  turns: TURNS,
};
/** Few rounds: both write the whole of it each time. */
const LARGE: NodeCase = {
  name: 'folder past 4 GiB',
  make: (root, out) => void makeExternal(join(root, 'public/sample'), out, { factor: 420 }),
  removed: [3, 7],
  sparse: true,
  rounds: 3,
  turns: 1,
};

/** Tensor files in the format that they came in. */
const SAFETENSORS: NodeCase = {
  ...SMALL,
  name: 'safetensors of 0.2 GB',
  make: (_, out) => makeCheckpoint(out),
  removed: [2, 5],
};
const GGUF: NodeCase = {
  ...SAFETENSORS,
  name: 'GGUF of 0.2 GB',
  make: (_, out) => makeGguf(out),
};

export async function benchExport(root: string): Promise<ExportRow[]> {
  const rows = [
    await fromNode(root, SMALL),
    await fromNode(root, LARGE),
    await fromNode(root, SAFETENSORS),
    await fromNode(root, GGUF),
    ...(await inBrowser(root)),
  ];
  report(rows.flatMap((row) => row.checks));
  return rows;
}

/** The command line's writer against `copyFile` of every file that it wrote. */
async function fromNode(
  root: string,
  { name, make, removed, sparse, rounds, turns }: NodeCase,
): Promise<ExportRow> {
  const scratch = mkdtempSync(join(tmpdir(), 'espalier-export-'));
  const [model, out, reference] = ['model', 'out', 'reference'].map((part) =>
    join(scratch, part),
  ) as [string, string, string];
  try {
    mkdirSync(model);
    await make(root, model);
    const folder = await nodeFolder(model);
    const { files } = await exportManifest(await openModel(folder), removed, { app: 'bench' });
    const found: Record<'export' | 'copy', number[]> = { export: [], copy: [] };
    let memoryBytes = 0;
    await writeFolder(reference, files, folder, () => {});
    if (sparse) for (const { path, size } of files) makeHole(join(reference, path), size);
    const ways = {
      export: () => {
        const before = process.memoryUsage.rss();
        return writeFolder(out, files, folder, () => {
          memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss() - before);
        });
      },
      copy: async () => {
        for (const { path } of files) {
          mkdirSync(dirname(join(out, path)), { recursive: true });
          await copyFile(join(reference, path), join(out, path));
        }
      },
    };
    for (let turn = -1; turn < rounds * turns; turn++) {
      // In turns, and each first as often as the other: what one leaves to the disk slows the next.
      for (const way of turn % 2 === 0
        ? (['export', 'copy'] as const)
        : (['copy', 'export'] as const)) {
        const time = await seconds(ways[way]);
        rmSync(out, { recursive: true });
        // The first turn brings files and code into memory.
        if (turn >= 0) found[way].push(time);
      }
    }
    await folder.close();
    const total = files.reduce((sum, file) => sum + file.size, 0);
    return rowOf(
      `${name}, from Node, over copyFile`,
      total,
      turns,
      found.export,
      found.copy,
      memoryBytes,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * The page's writers in a worker against a stream from the same file into another; the origin's
 * private file system stands in for a picked folder.
 */
async function inBrowser(root: string): Promise<ExportRow[]> {
  const site = mkdtempSync(join(tmpdir(), 'espalier-export-'));
  try {
    await buildBenchPage(root, site);
    const run = await openBenchPage(site, false);
    try {
      const found = await run.page.evaluate((asked) => window.espalierBench.copies(asked), {
        bytes: BROWSER_BYTES,
        turns: ROUNDS * TURNS,
      });
      const { bytes, folder, zip, copy } = found;
      return [
        rowOf('folder, in the browser, over a streamed copy', bytes, TURNS, folder, copy, null),
        rowOf('zip, in the browser, over a streamed copy', bytes, TURNS, zip, copy, null),
      ];
    } finally {
      await run.close();
    }
  } finally {
    rmSync(site, { recursive: true, force: true });
  }
}

function rowOf(
  name: string,
  bytes: number,
  turns: number,
  exported: number[],
  copied: number[],
  memoryBytes: number | null,
): ExportRow {
  const best = (times: readonly number[]): number[] =>
    bestOf(
      times.map((time) => bytes / 1e6 / time),
      turns,
    );
  const [own, plain] = [best(exported), best(copied)];
  const overCopy = pairedRatio(own, plain);
  const checks = [above(`${name}: speed`, overCopy, OVER_COPY)];
  if (memoryBytes !== null)
    checks.push(atMost(`${name}: bytes of memory`, memoryBytes, MEMORY_LIMIT));
  return {
    name,
    bytes,
    rounds: own.length,
    turns,
    export: statOf(own, 'MB/s'),
    copy: statOf(plain, 'MB/s'),
    overCopy,
    memoryBytes,
    checks,
    ok: checks.every((check) => check.ok),
  };
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function makeHole(path: string, size: number): void {
  truncateSync(path);
  truncateSync(path, size);
}
