// How many bytes and how much time opening takes: the sample, large sparse folders, and every
// supported fixture.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostedFolder } from '../../src/files/hosted.ts';
import { openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import type { Folder } from '../../src/onnx/source.ts';
import { fixturePath, wholeCorpus } from '../../src/testing/fixtures.ts';
import { serve } from '../serve.mjs';
import { overlap, record, weightRanges } from './counting.ts';
import { makeExternal, makeSparseInline } from './sparse.ts';

export interface OpenRow {
  name: string;
  nodes: number;
  /** Bytes of all files of the folder. */
  folderBytes: number;
  /** Bytes of tensors above 1 KiB. */
  weightBytes: number;
  /** Bytes that were read, of anything. */
  bytesRead: number;
  weightBytesRead: number;
  /** weightBytesRead / weightBytes. */
  weightShare: number;
  reads: number;
  /** What came over the wire, for the hosted folder. */
  bytesSent: number | null;
  /** The fastest of three. */
  seconds: number;
  ok: boolean;
}

/** Goal of the project: below one per cent of the weights, */
const LIMIT = 0.01;
/** or little in any case: weights within a small graph lie in the pieces that it is read in. */
const LITTLE_BYTES = 2 ** 20;

async function measure(
  name: string,
  folder: Folder,
  graph: string | undefined,
  sent: (() => number) | null,
): Promise<OpenRow> {
  let seconds = Number.POSITIVE_INFINITY;
  let row: Omit<OpenRow, 'seconds' | 'ok'> | null = null;
  for (let run = 0; run < 3; run++) {
    const recorded = record(folder);
    const before = sent?.() ?? 0;
    const started = performance.now();
    const opened = await openModel(recorded.folder, graph);
    seconds = Math.min(seconds, (performance.now() - started) / 1000);
    const weights = weightRanges(opened.structure.model);
    const weightBytes = overlap(weights, weights);
    const weightBytesRead = overlap(weights, recorded.reads);
    row ??= {
      name,
      nodes: opened.summary.nodes,
      folderBytes: folder.files.reduce((n, file) => n + file.size, 0),
      weightBytes,
      bytesRead: recorded.reads.reduce((n, read) => n + read.length, 0),
      weightBytesRead,
      weightShare: weightBytesRead / weightBytes,
      reads: recorded.reads.length,
      bytesSent: sent ? sent() - before : null,
    };
  }
  return { ...row!, seconds, ok: row!.weightShare < LIMIT || row!.bytesRead < LITTLE_BYTES };
}

export async function benchOpen(root: string): Promise<OpenRow[]> {
  return [...(await openLarge(root)), ...(await openFixtures())];
}

async function openFixtures(): Promise<OpenRow[]> {
  const rows: OpenRow[] = [];
  for (const { folder: name, file } of wholeCorpus().filter(({ supported }) => supported)) {
    const folder = await nodeFolder(fixturePath(name));
    rows.push(await measure(name, folder, file, null));
    await folder.close();
  }
  return rows;
}

/**
 * Opens the sample from disk and from a host, and sparse folders of 2 and 8 GB with external and of
 * 2 GB with inline weights.
 */
export async function openLarge(root: string): Promise<OpenRow[]> {
  const sample = join(root, 'public/sample');
  const rows: OpenRow[] = [];
  const disk = await nodeFolder(sample);
  rows.push(await measure('sample, from disk', disk, 'onnx/model.onnx', null));
  const server = await serve(sample);
  try {
    const hosted = hostedFolder({ name: 'sample', baseUrl: server.url, files: disk.files });
    rows.push(await measure('sample, hosted', hosted, 'onnx/model.onnx', () => server.bytesSent()));
  } finally {
    await server.close();
    await disk.close();
  }
  const scratch = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  try {
    for (const [name, make] of [
      ['2 GB, external weights', (out: string) => makeExternal(sample, out, { factor: 170 })],
      ['8 GB, external weights', (out: string) => makeExternal(sample, out, { factor: 661 })],
      [
        '2 GB, inline weights',
        (out: string) => makeSparseInline(join(root, 'e2e/fixtures/optimum-llama-fp32'), out, 2700),
      ],
    ] as const) {
      const out = join(scratch, name.replace(/\W+/g, '-'));
      mkdirSync(out);
      make(out);
      const folder = await nodeFolder(out);
      rows.push(await measure(name, folder, undefined, null));
      await folder.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return rows;
}
