// What an export says of its healing, and when it is refused.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { readProvenance, writeProvenance } from '../export/provenance.ts';
import { Field } from '../export/provenanceCheck.ts';
import type { ExportOptions } from '../export/request.ts';
import { dtypeOf, dtypeSteps, type StepChoice } from '../export/steps.ts';
import { type OpenedModel, openModel } from '../open/open.ts';
import type { WeightChange } from './healing.ts';
import { healingNote, readHealingNote } from './healingRecord.ts';
import { healingInWords } from './healingWords.ts';
import { healingOf, lowRank } from './testing/byHand.ts';
import { target } from './testing/exported.ts';

const DOWN = target('onnx::MatMul_1628', 0, 96, 64);
const CHANGE = lowRank(DOWN, 1);

const llama = async (): Promise<OpenedModel> =>
  openModel(await openFolder(fixturePath('optimum-llama-fp32')));

const healing = (
  changes: readonly WeightChange[] = [CHANGE],
  removed: readonly number[] = [1],
): StepChoice => ({ step: 'healing', healing: healingOf(removed, changes), quantised: 'again' });

async function written(steps: StepChoice[], options: Partial<ExportOptions> = {}) {
  const opened = await llama();
  const manifest = await exportManifest(opened, [1], { app: 'test', steps, ...options });
  const folder = manifestFolder(manifest, opened.folder);
  const text = async (path: string): Promise<string> => {
    const source = folder.open(path)!;
    return new TextDecoder().decode(await source.read(0, source.size));
  };
  return { manifest, readme: await text('README.md'), json: await text('espalier.json') };
}

describe('espalier.json', () => {
  it('has how it was healed and what was measured, without weights', async () => {
    const { json, manifest } = await written([...dtypeSteps('fp16'), healing()]);
    const provenance = readProvenance(json);
    const own = healingOf([1], [CHANGE]);
    expect(provenance.steps).toEqual([
      { step: 'healing', quantised: 'again', healing: healingNote(own) },
      { step: 'float16' },
    ]);
    expect(json).not.toContain('changes');
    expect(json.length).toBeLessThan(6000);
    expect(dtypeOf(provenance.steps!)).toBe('fp16');
    expect(readProvenance(writeProvenance(manifest.provenance))).toEqual(provenance);
  });

  it.each([
    ['"lora"', '"magic"', 'steps[0].healing.record.steps[1].method'],
    ['"rank": 2', '"rank": [2]', 'steps[0].healing.record.steps[1].settings.rank'],
    ['"predicted": 1270', '"predicted": -1', 'steps[0].healing.record.measured[0].predicted'],
    ['"quantised": "again"', '"quantised": "never"', 'steps[0].quantised'],
  ])('with %s as %s is refused by the name of the field', async (from, to, field) => {
    const { json } = await written([healing()]);
    expect(json).toContain(from);
    expect(() => readProvenance(json.replace(from, to))).toThrow(`"${field}" should be`);
  });
});

it.each([
  ['again', undefined, 'rounded to that form again.'],
  [
    'again',
    'float',
    'again; what was measured of the healing was measured with them kept in float.',
  ],
  ['float', 'float', 'kept in float.'],
  ['float', 'again', 'in float; what was measured of the healing was measured with them rounded '],
] as const)('written %s and measured %s, in words', (written, measured, words) => {
  const { record, removed } = healingOf([1], [CHANGE]);
  expect(
    healingInWords({ removed, record: { ...record, quantised: measured } }, written),
  ).toContain(words);
  const note = healingNote({ ...healingOf([1], []), record: { ...record, quantised: measured } });
  const read = readHealingNote(new Field('a.json', '', JSON.parse(JSON.stringify(note))));
  expect(read.record.quantised).toBe(measured);
});

it('the README says what was healed, how, on what text, and what came of it', async () => {
  const { readme } = await written([healing()]);
  expect(readme).toContain(
    'After the removal, weights of block 0 were refitted by least squares and trained as ' +
      'low-rank adapters (LoRA, merged), on the text `a  text .txt`',
  );
  expect(readme).not.toMatch(/nothing was retrained/i);
  expect(readme).toContain('## Healing');
  expect(readme).toContain('8192 tokens');
  expect(readme).toContain('loss 3.9 at first, 3.7 in the end, weights of step 2 kept');
  expect(readme).toContain('rank 2, rate 0.001, seed 7');
  expect(readme).toContain('| 1270 | 41.26 | 49.21 | 43.82 | 36.6 |');
});

describe('a healing is refused', () => {
  it.each([
    ['of another plan', healing([CHANGE], [2]), /is of the plan 2, and the export is of 1/],
    [
      'of a weight that is not there',
      healing([{ ...CHANGE, tensor: 'x' }]),
      /weight x, which block 0 does not read/,
    ],
    [
      'of a weight of another block',
      healing([{ ...CHANGE, block: 3 }]),
      /onnx::MatMul_1628, which block 3 does not read/,
    ],
    [
      'of another shape',
      healing([lowRank({ ...DOWN, inputs: 64 }, 1)]),
      /holds for the weight onnx::MatMul_1628 does not fit it/,
    ],
  ])('%s', async (_, step, words) => {
    await expect(written([step])).rejects.toThrow(words);
  });

  it('with several precisions', async () => {
    const others = [await llama()];
    await expect(written([healing()], { others })).rejects.toThrow(
      /belongs to one graph: it cannot be written in 2 precisions/,
    );
  });

  it('for matrices that are multiplied as integers', async () => {
    const opened = await openModel(await openFolder(fixturePath('optimum-llama-int8')));
    const node = opened.structure.graph.nodes.find(({ op }) => op === 'MatMulInteger')!;
    const step = healing([{ ...CHANGE, tensor: node.inputs[1]! }], []);
    await expect(exportManifest(opened, [], { app: 'test', steps: [step] })).rejects.toThrow(
      /cannot be changed: MatMulInteger multiplies with its integers/,
    );
  });
});
