// The verdict on several precisions: each found where the export has it, the worst one counts.

import { expect, it } from 'vitest';
import type { Verification } from '../../contract/verify.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { verifyPrecisions } from './combine.ts';

/** A model in the folder `a` of what was opened; an export holds what is in that folder. */
const modelAt = (graphPath: string) => ({ graphPath, root: { top: 'a/' } }) as OpenedModel;

const verdict = (status: Verification['status']): Verification => ({
  status,
  checks: [{ name: 'structure', ok: status === 'verified', detail: '' }],
  device: null,
  seconds: 1,
});

it('verifies each precision under its path within the export', async () => {
  const seen: unknown[] = [];
  const verification = await verifyPrecisions(
    {
      opened: modelAt('a/onnx/model_q4.onnx'),
      others: [modelAt('a/onnx/model.onnx')],
      graph: 'onnx/model_q4.onnx',
      likelihood: { nll: [1] },
      further: [
        { graph: 'onnx/model_fp16.onnx', steps: [{ step: 'float16' }], likelihood: { nll: [2] } },
      ],
    },
    async (graph, source, { nll }, steps) => {
      seen.push([graph, source.graphPath, nll, ...(steps ?? [])]);
      return verdict(graph === 'onnx/model.onnx' ? 'unverified' : 'verified');
    },
  );
  expect(seen).toEqual([
    ['onnx/model_q4.onnx', 'a/onnx/model_q4.onnx', [1]],
    ['onnx/model_fp16.onnx', 'a/onnx/model_q4.onnx', [2], { step: 'float16' }],
    ['onnx/model.onnx', 'a/onnx/model.onnx', null],
  ]);
  expect(verification).toMatchObject({ status: 'unverified', seconds: 3 });
  expect(verification.checks.map(({ name }) => name)).toEqual([
    'structure (onnx/model_q4.onnx)',
    'structure (onnx/model_fp16.onnx)',
    'structure (onnx/model.onnx)',
  ]);
});

it('leaves the verdict on one graph as it is', async () => {
  const one = {
    opened: modelAt('a/x.onnx'),
    others: [],
    graph: 'x.onnx',
    likelihood: { nll: null },
  };
  expect(await verifyPrecisions(one, async () => verdict('failed'))).toEqual(verdict('failed'));
});
