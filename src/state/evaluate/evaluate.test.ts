// Evaluations and tables of other tools on the stand-in studio: what runs, what is kept, what is of
// another plan, what files say.

import { describe, expect, it } from 'vitest';
import type { EvaluateRequest } from '../../contract/evaluate.ts';
import { EspalierError } from '../../errors.ts';
import { fileOrders } from '../criteria/fileOrders.ts';
import { currentOrder } from '../criteria/orders.ts';
import { criteriaView } from '../criteria/selectors.ts';
import { curveSnippets, planSnippets } from '../interop/selectors.ts';
import { pageTitle } from '../longJob.ts';
import { remedyOf } from '../remedies.ts';
import { scored, setUp, until } from '../testing/setUp.ts';
import {
  evaluateObstacle,
  evaluateRequest,
  evaluationRecords,
  evaluationShown,
  isStaleEvaluation,
  protocolWords,
} from './selectors.ts';

/** Longer than the page waits before it shows what came. */
const slow = { stepMs: 120 };

describe('an evaluation', () => {
  it('evaluates original and plan by the paper’s protocol', async () => {
    const { actions, get, studio } = await scored();
    actions.setRemoved([7, 9]);
    await actions.evaluate();
    const [request] = studio.calls.findLast(({ name }) => name === 'evaluate')!.args as [
      EvaluateRequest,
    ];
    expect(request).toMatchObject({
      removed: [7, 9],
      text: { kind: 'bundled' },
      segment: 128,
      stride: null,
      bos: null,
      maxSegments: null,
    });
    const shown = evaluationShown(get())!;
    expect(shown.state).toBe('whole');
    expect(protocolWords(shown.result)).toBe('517 segments × 128 tokens, no BOS');
    expect(get().view.announcement).toContain('517 segments × 128 tokens');
    expect(evaluationRecords(get())).toMatchObject([
      { text: 'evaluation.txt', removed: [7, 9], segment: 128, top1Agreement: 0.83 },
    ]);
    expect(isStaleEvaluation(get())).toBe(false);
    actions.setRemoved([7]);
    expect(isStaleEvaluation(get())).toBe(true);
    await actions.exportModel('pruned');
    expect(studio.calls.findLast(({ name }) => name === 'export')?.args[0]).toMatchObject({
      study: { evaluations: evaluationRecords(get()) },
    });
  });

  it('takes long segments as the model does, with half of them as stride', async () => {
    const { actions, get } = await scored();
    actions.setEvaluation({ protocol: 'long' });
    expect(evaluateRequest(get())).toMatchObject({ segment: 512, stride: 256 });
    actions.setEvaluation({ segment: 300, stride: 64, bos: 'every', maxSegments: 5 });
    expect(evaluateRequest(get())).toMatchObject({
      segment: 300,
      stride: 64,
      bos: 'every',
      maxSegments: 5,
    });
    actions.setEvaluation({ segment: 513 });
    expect(evaluateObstacle(get())).toContain('2 to 512 tokens here, not 513');
    actions.setEvaluation({ segment: 100, stride: 101 });
    expect(evaluateObstacle(get())).toContain('at most the 100 tokens');
  });

  it('holds the engine, shows partial numbers, and keeps them when cancelled', async () => {
    const { actions, get, studio } = setUp({}, slow);
    await actions.openSample();
    const run = actions.evaluate();
    expect(evaluateObstacle(get())).toBe('A text is being evaluated.');
    await until(() => get().evaluate.progress !== null);
    expect(pageTitle(get())).toContain('Evaluating');
    expect(evaluationShown(get())).toMatchObject({ state: 'running', result: { segments: 100 } });
    await actions.score();
    expect(studio.calls.some(({ name }) => name === 'score')).toBe(false);
    await actions.cancel();
    await run;
    expect(get().evaluate.running).toBeNull();
    expect(get().errors.evaluate).toBeUndefined();
    expect(evaluationShown(get())).toMatchObject({ state: 'stopped' });
    expect(get().evaluate.results).toHaveLength(1);
    await actions.evaluate();
    // The whole run takes the place of the stopped one.
    expect(get().evaluate.results.map(({ whole }) => whole)).toEqual([true]);
    studio.failNext(
      'evaluate',
      new EspalierError('device-lost', 'The GPU went away.', 'Evaluate again.'),
    );
    await actions.evaluate();
    expect(get().errors.evaluate?.code).toBe('device-lost');
    expect(remedyOf(get(), 'evaluate')?.label).toBe('Evaluate again');
    expect(get().evaluate.results).toHaveLength(1);
  });

  it('measures the plan that changed meanwhile afterwards', async () => {
    const { actions, get, studio } = await scored({}, slow);
    const run = actions.evaluate();
    actions.toggle(3);
    await run;
    await until(() => get().effect.shown !== null);
    expect(studio.calls.findLast(({ name }) => name === 'plan')?.args[0]).toEqual([3]);
  });

  it('leaves with its model, and stays when the same model is read again', async () => {
    const { actions, get } = setUp();
    const open = (name: string) => actions.openSource({ kind: 'files', name, files: [] });
    await open('mine');
    actions.setEvaluationText('own.txt', 'It was a dark night.');
    await actions.evaluate();
    await open('mine');
    expect(get().evaluate.results).toHaveLength(1);
    // Hosted files have no identity that is asked for: opened twice, they count as another model.
    await actions.openSample();
    await actions.openSample();
    expect(get().evaluate.results).toHaveLength(0);
    expect(get().evaluate.form.text).toMatchObject({ name: 'own.txt' });
  });

  it('needs a tokenizer and a text', async () => {
    const { actions, get } = setUp({}, { hasTokenizer: false });
    expect(evaluateObstacle(get())).toBe('No model is open.');
    await actions.openSample();
    expect(evaluateObstacle(get())).toContain('tokenizer');
    actions.setEvaluationText('empty.txt', ' \n');
    expect(get().errors.evaluate?.message).toBe('empty.txt is empty.');
    expect(get().evaluate.form.text.kind).toBe('bundled');
  });
});

describe('tables of other tools', () => {
  const textOf = (snippets: readonly { id: string; text: string | null }[], id: string) =>
    snippets.find((one) => one.id === id)?.text;

  it('are written from curve and plan', async () => {
    const { actions, get } = await scored();
    actions.setRemoved([7, 9]);
    expect(textOf(curveSnippets(get()), 'order')).toBe(
      `${get().score.curve?.result.order.join(',')}\n`,
    );
    const table = textOf(curveSnippets(get()), 'table')!.split('\n');
    expect(table[0]).toBe('removed_block,ppl_bundled,num_calib_data,params');
    expect(table).toHaveLength(18);
    expect(table[1]).toMatch(/^0,\d+\.\d+,10,2846592$/);
    expect(textOf(planSnippets(get()), 'espalier')).toContain(
      '--model onnx/model.onnx --remove 7,9 --out ',
    );
    actions.setSource('org/model');
    expect(textOf(planSnippets(get()), 'mergekit')).toContain('model: "org/model"');
    expect(textOf(planSnippets(get()), 'llama-cpp')).toContain('--prune-layers 7,9 model.gguf');
  });

  it('are refused in words where they cannot say the plan', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    expect(curveSnippets(get()).map(({ why }) => why)).toEqual(
      Array(2).fill('Score the blocks first: this file holds the curve.'),
    );
    actions.toggle('3.attn');
    for (const { id, text, why } of planSnippets(get())) {
      if (id === 'espalier') expect(text).toContain('--remove 3.attn');
      else expect(why).toContain('removes 3.attn, a sublayer');
    }
  });

  it('are read: an order gives the k lowest, a table is a criterion', async () => {
    const { actions, get } = await scored();
    actions.takeTable('block_order.csv', '5,11,3,2\n');
    expect(get().view.dialog).toBe('interop');
    expect(fileOrders(get())).toMatchObject([{ name: 'file-order', blocks: [5, 11, 3, 2] }]);
    actions.dropByFile('file-order', 2);
    expect(get().plan.present.removed).toEqual([5, 11]);
    expect(currentOrder(get())?.name).toBe('file-order');
    actions.dropByFile('file-order', 5);
    expect(get().plan.refusal).toContain('5 blocks cannot be removed');
    actions.takeTable('all_ppl_unsorted.csv', 'removed_block,ppl_x\n0,99\n4,12.5\n8,inf\n');
    actions.dropByFile('file-ppl', 1);
    expect(get().plan.present.removed).toEqual([4]);
    expect(
      criteriaView(get())
        .find(({ name }) => name === 'file-ppl')
        ?.ranks.filter((rank) => rank > 0),
    ).toEqual([2, 1, 3]);
    actions.forgetFiles();
    expect(fileOrders(get())).toEqual([]);
    expect(currentOrder(get())?.name).toBe('ppl');
  });

  it('serve a model that was never scored', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    actions.takeTable('block_order.csv', '5,11,3\n');
    actions.dropByFile('file-order', 2);
    expect(get().plan.present.removed).toEqual([5, 11]);
  });

  it('that cannot be read change nothing', async () => {
    const { actions, get } = setUp();
    actions.takeTable('block_order.csv', '1,2');
    expect(get().errors.restore?.message).toContain('no model is open');
    await actions.openSample();
    actions.takeTable('block_order.csv', '1,99');
    expect(get().errors.interop?.message).toContain('no block 99');
    expect(fileOrders(get())).toEqual([]);
  });
});
