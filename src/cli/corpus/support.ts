// What happens to every folder of the test corpus, and the table of it in docs/support.md, as
// recorded by scripts/support.ts.

import type { Verification } from '../../contract/verify.ts';
import { toReport } from '../../errors.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { nodeFolder } from '../../node/folder.ts';
import { deviceObstacle } from '../../runtime/decode/runnable.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { directionalDerivatives } from '../../runtime/gradients/directional.ts';
import { ScoreSession } from '../../runtime/score/session.ts';
import { VERIFY_TOKENS, verifyExport } from '../../runtime/verify/verify.ts';
import { nllTolerance } from './types.ts';
import { differenceToWholeGraphs } from './unlisted.ts';

/** One folder as it came out; made by scripts/support.ts on the wasm device. */
export interface SupportRow {
  folder: string;
  family: string;
  exporter: string;
  dtype: string;
  opens: boolean;
  /**
   * Largest difference of a mean NLL to the golden, of the original and without each block; null
   * when it is not scored.
   */
  nllDifference: number | null;
  /** How far it may be. */
  tolerance: number;
  /**
   * Largest relative difference of a block's gradient, or the head's, to differences of its forward
   * pass, and how far two of those lie apart; null where there are no gradients.
   */
  gradient: {
    difference: number;
    spread: number;
    /** Through products that the model computes in int8 as if they were of floats. */
    straightThrough?: true;
  } | null;
  /** An export without one block opens again with one block less. */
  prunes: boolean;
  /** Outcome of the verification of that export. */
  verified: Verification['status'] | null;
  /** Why something is not so, or what is special. */
  note: string;
  /** The folder is not in the repository: it was given to scripts/support.ts. */
  elsewhere?: true;
}

/** A folder to look at. */
export interface SupportTask {
  folder: string;
  family: string;
  exporter: string;
  dtype: string;
  path: string;
  /** Undefined where the folder holds one model. */
  graph: string | undefined;
  /** Expected means, or null where the corpus has none. */
  golden: {
    windows: number[][];
    nll: number;
    blocks: { index: number; nll?: number }[];
    tolerance: number;
  } | null;
}

/**
 * Opens, scores, prunes and verifies one folder. Refusals and failures are part of the row, not
 * thrown.
 */
export async function supportOf(task: SupportTask, engine: Engine): Promise<SupportRow> {
  const { folder: name, family, exporter, dtype, golden } = task;
  const row: SupportRow = {
    folder: name,
    family,
    exporter,
    dtype,
    opens: false,
    nllDifference: null,
    tolerance: golden?.tolerance ?? 0,
    gradient: null,
    prunes: false,
    verified: null,
    note: '',
  };
  const folder = await nodeFolder(task.path);
  try {
    const opened = await openModel(folder, task.graph);
    row.opens = true;
    if (row.family === '') row.family = opened.summary.family;
    row.note = opened.summary.problems.map(({ message }) => message).join(' ');
    const session = opened.summary.canScore ? ScoreSession.open(opened, engine) : null;
    try {
      if (session && golden) row.nllDifference = await largestDifference(session, golden);
      else if (session) {
        row.nllDifference = await differenceToWholeGraphs(opened, session, engine);
        row.tolerance = nllTolerance(dtype, { nllTol: 0 });
        row.note = `${row.note} Scores are held against ONNX Runtime on whole graphs.`.trim();
      }
      if (session) await differentiate(opened, session, golden?.windows ?? [FEW_TOKENS], row);
      await prune(opened, session, golden?.windows[0] ?? [], engine, row);
    } finally {
      await session?.dispose();
    }
  } catch (error) {
    row.note = toReport(error).message;
  } finally {
    await folder.close();
  }
  return row;
}

/** What a model is run on where no golden says. */
const FEW_TOKENS = [1, 2, 3, 4];

/** Holds the gradients to differences; why there are none becomes part of the note. */
async function differentiate(
  { structure }: OpenedModel,
  session: ScoreSession,
  windows: number[][],
  row: SupportRow,
): Promise<void> {
  try {
    const found = await session.alone((model) =>
      directionalDerivatives({ ...model, structure, windows }),
    );
    const [worst] = found
      .map(({ gradient, difference, spread }) => ({
        difference: gradient === 0 ? Math.abs(difference) : Math.abs(difference / gradient - 1),
        spread,
      }))
      .sort((a, b) => b.difference - a.difference);
    const rounded = session.programs.rowsInteract && { straightThrough: true as const };
    row.gradient = worst ? { ...worst, ...rounded } : null;
  } catch (error) {
    const { code, message } = toReport(error);
    if (code !== 'unsupported-op') throw error;
    row.note = `${row.note} ${message}`.trim();
  }
}

async function largestDifference(
  session: ScoreSession,
  golden: NonNullable<SupportTask['golden']>,
): Promise<number> {
  const curve = await session.score(golden.windows, undefined, () => {});
  const differences = golden.blocks.flatMap(({ index, nll }) =>
    nll === undefined ? [] : [Math.abs((curve.blocks[index]?.nll ?? Number.NaN) - nll)],
  );
  return Math.max(Math.abs(curve.baseline.nll - golden.nll), ...differences);
}

/**
 * Exports without the first removable block from the middle on, and verifies the export as the
 * studio does.
 */
async function prune(
  opened: OpenedModel,
  session: ScoreSession | null,
  window: readonly number[],
  engine: Engine,
  row: SupportRow,
): Promise<void> {
  const { blocks } = opened.structure;
  const middle = Math.floor(blocks.length / 2);
  const block = [...blocks.slice(middle), ...blocks.slice(0, middle)].find(
    ({ unremovable }) => unremovable === null,
  );
  if (!block) return;
  const removed = [block.index];
  const manifest = await exportManifest(opened, removed, { app: 'support' });
  const written = manifestFolder(manifest, opened.folder);
  row.prunes =
    (await openModel(written, manifest.graph)).structure.blocks.length === blocks.length - 1;
  const ids = window.length > 1 ? window.slice(0, VERIFY_TOKENS) : FEW_TOKENS;
  const nll = session ? await session.nllPerToken(removed, ids) : null;
  const expected = { window: ids, nll, numBlocks: blocks.length - 1, source: { opened, removed } };
  row.verified = (await verifyExport(written, manifest.graph, expected, engine)).status;
  const reason = deviceObstacle(engine.kind, opened);
  if (reason) row.note = reason;
}

const HEADER = `# What works

Generated by \`npx tsx scripts/support.ts\`, which opens, scores, prunes and verifies every folder
of the test corpus; do not edit. The test suite holds this file to the record of that run
(e2e/fixtures/support.json) and the record to what opening the folders says now.

Each row was made in Node on the CPU (wasm). *opens*: blocks found. *scores*: the largest difference
of a mean NLL, of the original and without each single block, to numbers made elsewhere
(tools/make_goldens.py; 4-bit and float16 graphs: tools/make_level0.py), against its limit.
*gradients*: the largest relative difference of the derivative of a block, or of the head, along its
own gradient to differences of the forward pass (five-point formula in float32, limit 1e-3), or what
those differences are worth where that is more: blocks that bend strongly have no better ones;
*straight-through* where activations are rounded to int8, which has no gradient of its own.
*prunes*: the export without one block opens again. *verified*: that export passed the studio's own
verification on the unchanged ONNX Runtime. Models are tiny (4 to 6 blocks) in the exporters' own
form; what WebGPU does is checked by the end-to-end tests, not here. Folders with an asterisk are
from other lists (\`npx tsx scripts/support.ts <corpus folder> <golden folder> ...\` adds them);
their limits are those of the \`corpus\` command.
`;

/** The table as Markdown. */
export function supportTable(rows: readonly SupportRow[]): string {
  const sorted = [...rows].sort(
    (a, b) =>
      compare(a.family, b.family) || compare(a.exporter, b.exporter) || compare(a.folder, b.folder),
  );
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = [
    line([
      'family',
      'exporter',
      'dtype',
      'opens',
      'scores',
      'gradients',
      'prunes',
      'verified',
      'folder',
      'remarks',
    ]),
    line(new Array<string>(10).fill('---')),
    ...sorted.map((row) =>
      line([
        row.family,
        row.exporter.replaceAll('|', '/'),
        row.dtype,
        row.opens ? 'yes' : 'refused',
        scores(row),
        gradients(row),
        row.prunes ? 'yes' : 'no',
        row.verified ?? 'no',
        row.elsewhere ? `${row.folder} *` : row.folder,
        row.note.replaceAll('|', '/'),
      ]),
    ),
  ];
  const count = (test: (row: SupportRow) => boolean): number => rows.filter(test).length;
  const sums =
    `${rows.length} folders: ${count((r) => r.opens)} open, ` +
    `${count((r) => scores(r).startsWith('yes'))} score within their limit, ` +
    `${count((r) => r.gradient !== null)} have gradients, ` +
    `${count((r) => r.prunes)} prune, ${count((r) => r.verified === 'verified')} verified.`;
  return `${HEADER}\n${sums}\n\n${table.join('\n')}\n`;
}

function scores({ nllDifference, tolerance }: SupportRow): string {
  if (nllDifference === null) return 'no';
  return (
    `${nllDifference <= tolerance ? 'yes' : 'NO'} (${nllDifference.toExponential(0)}, limit ` +
    `${tolerance.toExponential(0)})`
  );
}

/** Relative. */
const GRADIENT_LIMIT = 1e-3;

function gradients({ gradient }: SupportRow): string {
  if (gradient === null) return 'no';
  const { difference, spread, straightThrough } = gradient;
  if (straightThrough) return 'straight-through';
  const limit = Math.max(GRADIENT_LIMIT, spread);
  const words = `${difference.toExponential(0)}, limit ${limit.toExponential(0)}`;
  return `${difference <= limit ? 'yes' : 'NO'} (${words})`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
