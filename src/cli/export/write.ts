// Writes an export to a folder and checks what was written, for `prune` and `heal`.

import type { QuantiseResult } from '../../contract/quantise.ts';
import type { Verification } from '../../contract/verify.ts';
import { toReport } from '../../errors.ts';
import type { ExportFormat } from '../../model/export/formats.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import { withKit } from '../../model/export/tensorFiles/manifest.ts';
import type { KitWindows } from '../../model/interop/kit/check.ts';
import { handOverKit } from '../../model/interop/kit/kit.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { writeFolder } from '../../node/writeFolder.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { runtimeOf } from '../../runtime/device/ort.ts';
import { expectedNll } from '../../runtime/score/exported.ts';
import type { RoutedSession } from '../../runtime/score/route.ts';
import { verifyPrecisions } from '../../runtime/verify/combine.ts';
import { type ExpectedNll, noNumbersOf } from '../../runtime/verify/runs.ts';
import { verifyExport, verifyTokens } from '../../runtime/verify/verify.ts';
import { spreadIds } from '../../spreadIds.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { VERSION } from '../../version.ts';
import { noteDevice, openEngine } from '../device.ts';
import { openSession, withFolder } from '../open.ts';
import { megabytes, note, status, statusDone } from '../output.ts';
import type { RunValues } from '../sharedOptions.ts';

export interface WriteRequest {
  opened: OpenedModel;
  removed: readonly Unit[];
  /** What the export does after the removal. */
  steps: readonly StepChoice[];
  /** Steps of further precisions that are written into the same folder. */
  also?: readonly (readonly StepChoice[])[];
  /** Further precisions of the model that the source has. */
  others: readonly OpenedModel[];
  /** By default that of the source where no precision is chosen. */
  format?: ExportFormat | undefined;
  /** Writes the kit for continued pretraining beside a checkpoint in safetensors. */
  kit?: boolean;
  /** Folder to write, new or empty. */
  out: string;
}

/** What was written, as the JSON of a command gives it. */
export interface Written {
  out: string;
  format: ExportFormat;
  files: { path: string; bytes: number }[];
  leftOut: string[];
  remarks: string[];
  /** Null where the structure of what was written cannot be read again. */
  summary: ModelSummary | null;
  verification: Verification;
  runtime: string;
}

const VERDICTS: Readonly<Record<Verification['status'], string>> = {
  verified: 'verified',
  'in-parts': 'verified block by block',
  unverified: 'not verified',
  failed: 'failed verification',
};

/** @throws EspalierError of the files; a failed check is part of the verification */
export async function writeExport(
  { opened, removed, steps, also = [], others, format: asked, kit = false, out }: WriteRequest,
  values: RunValues,
): Promise<Written> {
  const planned = await exportManifest(opened, removed, {
    ...{ app: VERSION, steps, also, others },
    ...(asked && { format: asked }),
  });
  const { format } = planned;
  // Spread token ids: verification needs any text, and a folder may have no tokenizer.
  const window = spreadIds(verifyTokens(opened.summary), opened.summary.vocabSize);
  const score = () =>
    likelihoods({ opened, removed, format, kit }, [steps, ...also], window, values);
  const scored = kit ? await score() : null;
  const manifest = scored
    ? withKit(
        planned,
        handOverKit({ ...opened, removed }, { app: VERSION, windows: scored.windows }),
      )
    : planned;
  await writeFolder(out, manifest.files, opened.folder, (done, total) =>
    status(`write ${megabytes(done)} of ${megabytes(total)}`),
  );
  statusDone();

  const all = scored ?? (await score());
  const { engine } = all;
  const [likelihood = all.none, ...further] = all.found;
  const numBlocks = blocksLeft(opened.summary.numBlocks, removed);
  const [verification, summary] = await withFolder(out, async (written) => [
    await verifyPrecisions(
      {
        ...{ opened, others, graph: manifest.graph, likelihood },
        further: manifest.also.map(({ graph }, k) => ({
          graph,
          steps: also[k] ?? [],
          likelihood: further[k] ?? all.none,
        })),
      },
      (graph, source, found, own = steps) =>
        verifyExport(
          written,
          graph,
          { window, numBlocks, steps: own, ...found, source: { opened: source, removed } },
          engine,
        ),
    ),
    // Structure that cannot be read again is the first failed check.
    await openModel(written, manifest.graph).then(
      (model) => model.summary,
      () => null,
    ),
  ]);
  await engine.dispose();
  noteDevice(engine.name, runtimeOf(engine));
  return {
    out,
    format,
    files: manifest.files.map((file) => ({ path: file.path, bytes: file.size })),
    leftOut: manifest.leftOut,
    remarks: manifest.remarks,
    summary,
    verification,
    runtime: runtimeOf(engine),
  };
}

/** What was written and checked, on standard output. @param numBlocks that are left */
export function printChecks({ out, files, verification }: Written, numBlocks: number): void {
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  process.stdout.write(
    `${out}: ${numBlocks} blocks, ${megabytes(total)}, ${VERDICTS[verification.status]}\n`,
  );
  const wrong = verification.status === 'failed' ? 'FAILED' : 'not run';
  for (const check of verification.checks)
    process.stdout.write(`  ${check.ok ? 'ok    ' : wrong} ${check.name}: ${check.detail}\n`);
}

/**
 * Notes on what was written, and the exit code: 0 where nothing was to be.
 * @param results whose warnings the command has said
 */
export function concluded(
  written: Written | null,
  results: readonly Pick<QuantiseResult, 'warnings'>[] = [],
): number {
  if (!written) return 0;
  const { out, leftOut, remarks, verification } = written;
  const said = results.flatMap(({ warnings }) => warnings);
  for (const remark of remarks) if (!said.includes(remark)) note(remark);
  if (leftOut.length > 0)
    note(`Left out, because the pruned model does not use them: ${leftOut.join(', ')}.`);
  if (verification.status !== 'failed') return 0;
  const first = verification.checks.find((check) => !check.ok);
  note(`${out} failed verification${first ? ` (${first.name}): ${first.detail}` : '.'}`);
  return 1;
}

type Likelihood = Pick<ExpectedNll, 'nll' | 'nllObstacle' | 'noNumbers'>;

interface Likelihoods {
  /** Of each precision, in their order; empty where the model cannot be scored. */
  found: Likelihood[];
  /** What is known of a precision without one. */
  none: Likelihood;
  /** What the kit compares; null where it was not asked for, or nothing can be scored. */
  windows: KitWindows | null;
  engine: Engine;
}

/** Where the windows of the kit begin in the vocabulary. */
const KIT_WINDOWS = [3, 1009, 2003, 4001];

/**
 * The studio's own NLL per token of every precision of the plan, with the engine for verification;
 * a model that cannot be scored is verified without it, with a note.
 */
async function likelihoods(
  {
    opened,
    removed,
    format,
    kit,
  }: Pick<WriteRequest, 'opened' | 'removed'> & {
    format: ExportFormat;
    kit: boolean;
  },
  precisions: readonly (readonly StepChoice[])[],
  window: readonly number[],
  values: RunValues,
): Promise<Likelihoods> {
  let nllObstacle: string | undefined;
  if (opened.summary.canScore) {
    let routed: RoutedSession | null = null;
    try {
      routed = await openSession(opened, values);
      const { session, engine } = routed;
      for (const text of routed.notes) note(text);
      const found: Likelihood[] = [];
      for (const steps of precisions) {
        const nll = await expectedNll(session, opened, { removed, steps, format }, window);
        const noNumbers = await noNumbersOf(session, nll, window);
        if (noNumbers) note(`There are no numbers to verify the export by: ${noNumbers}.`);
        found.push({ nll, noNumbers });
      }
      const of = { removed, steps: precisions[0] ?? [], format };
      const windows = kit ? await kitWindows(session, opened, of) : null;
      await session.dispose();
      return { found, none: { nll: null }, windows, engine };
    } catch (error) {
      const { message, detail } = toReport(error);
      note(`The likelihood is not compared: ${message} ${detail}`);
      nllObstacle = message;
      // The engine may have failed with the model: verification gets a new one.
      await routed?.session.dispose().catch(() => {});
      await routed?.engine.dispose().catch(() => {});
    }
  }
  const none = { nll: null, ...(nllObstacle ? { nllObstacle } : {}) };
  return { found: [], none, windows: null, engine: await openEngine(values) };
}

/** Windows of token ids with the mean NLL of each, of the export and of the original. */
async function kitWindows(
  session: RoutedSession['session'],
  opened: OpenedModel,
  of: Parameters<typeof expectedNll>[2],
): Promise<KitWindows> {
  const mean = (nll: Float32Array): number => nll.reduce((sum, one) => sum + one, 0) / nll.length;
  const windows: KitWindows & { nll: number[]; original: number[] } = {
    ids: KIT_WINDOWS.map((first) =>
      spreadIds(verifyTokens(opened.summary), opened.summary.vocabSize, first),
    ),
    nll: [],
    original: [],
  };
  for (const ids of windows.ids) {
    windows.nll.push(mean(await expectedNll(session, opened, of, ids)));
    windows.original.push(mean(await session.nllPerToken([], ids)));
  }
  return windows;
}
