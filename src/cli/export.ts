// `prune`: writes the pruned folder and checks what was written, as the page's export does.

import type { Verification } from '../contract/verify.ts';
import { toReport } from '../errors.ts';
import { exportManifest } from '../model/export/manifest.ts';
import { stepRecords } from '../model/export/steps.ts';
import { type OpenedModel, openModel } from '../model/open/open.ts';
import { otherPrecisions } from '../model/open/precisions.ts';
import { writeFolder } from '../node/writeFolder.ts';
import type { Engine } from '../runtime/device/engine.ts';
import { runtimeOf } from '../runtime/device/ort.ts';
import type { RoutedSession } from '../runtime/score/route.ts';
import { verifyPrecisions } from '../runtime/verify/combine.ts';
import { type ExpectedNll, noNumbersOf } from '../runtime/verify/runs.ts';
import { VERIFY_TOKENS, verifyExport } from '../runtime/verify/verify.ts';
import { spreadIds } from '../spreadIds.ts';
import { blocksLeft, type Unit } from '../units.ts';
import { VERSION } from '../version.ts';
import { defineCommand } from './command.ts';
import { noteDevice, openEngine } from './device.ts';
import { openForCommand, openSession, withFolder } from './open.ts';
import type { Options, Values } from './options.ts';
import { checkJsonTarget, megabytes, note, status, statusDone, writeJson } from './output.ts';
import {
  COMMON_OPTIONS,
  FOLDER,
  PLAN_OPTIONS,
  RUN_OPTIONS,
  type RunValues,
} from './sharedOptions.ts';
import { STEP_OPTIONS, stepsFor } from './steps.ts';

const OPTIONS = {
  remove: {
    ...PLAN_OPTIONS.remove,
    required: true,
    help: `${PLAN_OPTIONS.remove.help}; "" for none`,
  },
  'all-graphs': {
    type: 'flag',
    help: 'prune every precision of the model that the folder has, not the chosen one alone',
  },
  out: { type: 'text', value: 'dir', required: true, help: 'folder to write, new or empty' },
  ...STEP_OPTIONS,
  ...RUN_OPTIONS,
  ...COMMON_OPTIONS,
} as const satisfies Options;

export const prune = defineCommand({
  summary: 'write the pruned model folder and verify it',
  about:
    'The written files are opened again, run and compared with the original. Without --json the ' +
    'checks are printed.',
  argument: FOLDER,
  options: OPTIONS,
  examples: [
    'public/sample --model onnx/model.onnx --remove 7,9.attn --out pruned-sample',
    'public/sample --model onnx/model.onnx --remove "" --dtype fp16 --out sample-fp16',
  ],
  run,
});

const VERDICTS: Readonly<Record<Verification['status'], string>> = {
  verified: 'verified',
  'in-parts': 'verified block by block',
  unverified: 'not verified',
  failed: 'failed verification',
};

async function run(path: string, values: Values<typeof OPTIONS>): Promise<number> {
  const { out, json, remove: removed } = values;
  checkJsonTarget(json);
  return withFolder(path, async (folder) => {
    const opened = await openForCommand(folder, values.model);
    const steps = stepsFor(opened, values.dtype);
    const others = values['all-graphs'] ? await otherPrecisions(opened) : [];
    const manifest = await exportManifest(opened, removed, { app: VERSION, steps, others });
    await writeFolder(out, manifest.files, folder, (done, total) =>
      status(`write ${megabytes(done)} of ${megabytes(total)}`),
    );
    statusDone();

    // Spread token ids: verification needs any text, and a folder may have no tokenizer.
    const window = spreadIds(VERIFY_TOKENS, opened.summary.vocabSize);
    const { nll, nllObstacle, noNumbers, engine } = await likelihood(
      opened,
      removed,
      window,
      values,
    );
    const expected = { window, numBlocks: blocksLeft(opened.summary.numBlocks, removed), steps };
    const [verification, summary] = await withFolder(out, async (written) => [
      await verifyPrecisions(
        { opened, others, graph: manifest.graph, likelihood: { nll, nllObstacle, noNumbers } },
        (graph, source, found) =>
          verifyExport(
            written,
            graph,
            { ...expected, ...found, source: { opened: source, removed } },
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
    const files = manifest.files.map((file) => ({ path: file.path, bytes: file.size }));
    if (json !== undefined)
      writeJson(json, {
        removed,
        ...stepRecords(steps),
        out,
        files,
        leftOut: manifest.leftOut,
        remarks: manifest.remarks,
        summary,
        verification,
        runtime: runtimeOf(engine),
      });
    else {
      const total = files.reduce((sum, file) => sum + file.bytes, 0);
      process.stdout.write(
        `${out}: ${expected.numBlocks} blocks, ${megabytes(total)}, ` +
          `${VERDICTS[verification.status]}\n`,
      );
      const wrong = verification.status === 'failed' ? 'FAILED' : 'not run';
      for (const check of verification.checks)
        process.stdout.write(`  ${check.ok ? 'ok    ' : wrong} ${check.name}: ${check.detail}\n`);
    }
    noteDevice(engine.name, runtimeOf(engine));
    for (const remark of manifest.remarks) note(remark);
    if (manifest.leftOut.length > 0)
      note(`Left out, because the pruned model does not use them: ${manifest.leftOut.join(', ')}.`);
    if (verification.status !== 'failed') return 0;
    const first = verification.checks.find((check) => !check.ok);
    note(`${out} failed verification${first ? ` (${first.name}): ${first.detail}` : '.'}`);
    return 1;
  });
}

interface Expected {
  nll: Float32Array | null;
  engine: Engine;
}

/**
 * The studio's own NLL per token of the plan, with the engine for verification; a model that cannot
 * be scored is verified without it, with a note.
 */
async function likelihood(
  opened: OpenedModel,
  removed: readonly Unit[],
  window: readonly number[],
  values: RunValues,
): Promise<Pick<ExpectedNll, 'nllObstacle' | 'noNumbers'> & Expected> {
  let nllObstacle: string | undefined;
  if (opened.summary.canScore) {
    let routed: RoutedSession | null = null;
    try {
      routed = await openSession(opened, values);
      for (const text of routed.notes) note(text);
      const nll = await routed.session.nllPerToken(removed, window);
      const noNumbers = await noNumbersOf(routed.session, nll, window);
      if (noNumbers) note(`There are no numbers to verify the export by: ${noNumbers}.`);
      await routed.session.dispose();
      return { nll, noNumbers, engine: routed.engine };
    } catch (error) {
      const { message, detail } = toReport(error);
      note(`The likelihood is not compared: ${message} ${detail}`);
      nllObstacle = message;
      // The engine may have failed with the model: verification gets a new one.
      await routed?.session.dispose().catch(() => {});
      await routed?.engine.dispose().catch(() => {});
    }
  }
  return { nll: null, ...(nllObstacle ? { nllObstacle } : {}), engine: await openEngine(values) };
}
