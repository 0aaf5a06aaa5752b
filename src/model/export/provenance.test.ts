// What espalier.json keeps of an export, read back field by field.

import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { EXAMPLE as example } from '../testing/provenance.ts';
import { prunedConfigJson, prunedGenaiConfig, prunedKeys } from './configs/config.ts';
import { difference, identify } from './identity.ts';
import { readProvenance, writeProvenance } from './provenance.ts';

interface Study {
  criteria: object[];
  tasks: { variants: object[]; means: unknown[]; tasks: { outcomes: object[] }[] }[];
}

describe('espalier.json', () => {
  it('survives a round trip, infinite scores included', () => {
    expect(readProvenance(writeProvenance(example))).toEqual(example);
  });

  it('of scores on native ONNX Runtime, as the command line writes them, is read', () => {
    const device = { kind: 'cpu', name: 'CPU (native, 2 threads)' } as const;
    const native = { ...example, score: example.score && { ...example.score, device } };
    expect(readProvenance(writeProvenance(native))).toEqual(native);
  });

  it('of an earlier version, without parts and study, is read', () => {
    const { parts, study, ...rest } = example;
    const old = { ...rest, removed: [1], plan: example.plan && { ...example.plan, removed: [1] } };
    expect(readProvenance(writeProvenance(old))).toEqual(old);
  });

  it('is refused with the name of the field that is wrong', () => {
    const broken = (
      change: (json: { score: object; source: object; study: Study }) => void,
    ): string => {
      const json = JSON.parse(writeProvenance(example));
      change(json);
      return JSON.stringify(json);
    };
    const cases: [string, RegExp][] = [
      ['{', /not valid JSON/],
      ['[]', /is not a JSON object/],
      [
        broken((j) => Object.assign(j, { format: 'other' })),
        /"format" should be espalier-export but is "other"/,
      ],
      [broken((j) => Object.assign(j, { version: 9 })), /newer Espalier/],
      [
        broken((j) => Object.assign(j, { removed: [0, 7] })),
        /"removed\[1\]" should be a block index below 3 but is 7/,
      ],
      [
        broken((j) => Object.assign(j, { removed: ['7.attn'] })),
        /"removed\[0\]" should be a block index below 3, or a sublayer/,
      ],
      [broken((j) => Object.assign(j, { removed: ['1'] })), /"removed\[0\]" should be/],
      [
        broken((j) => Object.assign(j, { parts: [['mlp']] })),
        /"parts\[0\]\[0\]" should be attn or ffn/,
      ],
      [
        broken((j) => Object.assign(j.study.criteria[0] ?? {}, { scores: [1] })),
        /"study.criteria\[0\].scores" should be one number for each of 3/,
      ],
      [
        broken((j) => Object.assign(j.study.criteria[0] ?? {}, { order: [1, 1] })),
        /"study.criteria\[0\].order" should be some of the units/,
      ],
      [
        broken((j) => Object.assign(j.study, { search: [{ block: 9 }] })),
        /"study.search\[0\].block" should be a block index below 3/,
      ],
      [
        broken((j) => Object.assign(j.study.tasks[0]?.tasks[0]?.outcomes[1] ?? {}, { acc: 1.5 })),
        /"study.tasks\[0\].tasks\[0\].outcomes\[1\].acc" should be a number from 0 to 1/,
      ],
      [
        broken((j) => Object.assign(j.study.tasks[0]?.tasks[0]?.outcomes[1] ?? {}, { variant: 2 })),
        /outcomes\[1\].variant" should be the index of one of 2 variants but is 2/,
      ],
      [
        broken((j) => j.study.tasks[0]?.means.pop()),
        /"study.tasks\[0\].means" should be a list of 2/,
      ],
      [broken((j) => Object.assign(j.score, { order: 'x' })), /"score.order" should be a list/],
      [
        broken((j) => Object.assign(j.source, { files: [{ path: 1 }] })),
        /"source.files\[0\].path" should be a string but is 1/,
      ],
    ];
    for (const [text, message] of cases) expect(() => readProvenance(text)).toThrow(message);
  });
});

describe('identity', () => {
  it('is stable and tells models apart', async () => {
    const open = async (name: string) => {
      const folder = await openFolder(fixturePath(name));
      const opened = await openModel(folder);
      const identity = await identify(opened, opened.structure.model);
      await folder.close();
      return identity;
    };
    const [a, again, b] = [
      await open('optimum-llama-fp32'),
      await open('optimum-llama-fp32'),
      await open('optimum-opt-fp32'),
    ];
    expect(again).toEqual(a);
    expect(difference(a, again)).toBeNull();
    expect(difference(a, b)).toMatch(/is not the one that was scored/);
    expect(difference(a, { ...a, weightsSha256: 'other' })).toMatch(/weights/);
  });
});

describe('configs', () => {
  it('keep number literals, line ends and everything that does not change', () => {
    const text =
      '{\n    "num_hidden_layers": 4,\n    "eps": 1e-05,\n    "theta": 10000.0,\n    ' +
      '"limit": Infinity,\n    "big": 12345678901234567890\n}\n';
    expect(prunedConfigJson(text, 4, [0, 2], null)).toBe(
      text.replace('"num_hidden_layers": 4', '"num_hidden_layers": 2'),
    );
  });

  it('filter lists per block and renumber lists of indices, also in nested models', () => {
    const layers = {
      num_hidden_layers: 4,
      layer_types: ['a', 'b', 'c', 'd'],
      mlp_only_layers: [1, 2],
      full_attn_idxs: [3],
      eos_token_id: [1, 2, 3, 4],
    };
    const pruned = {
      num_hidden_layers: 3,
      layer_types: ['a', 'c', 'd'],
      mlp_only_layers: [1],
      full_attn_idxs: [2],
    };
    expect(prunedKeys(layers, 4, [0, 2, 3])).toEqual(pruned);
    expect(prunedKeys({ text_config: layers }, 4, [0, 2, 3])).toEqual({
      text_config: { ...layers, ...pruned },
    });
    const neo = { attention_layers: ['g', 'l', 'g', 'l'], attention_types: [[['g', 'l'], 2]] };
    const rebuilt = { attention_layers: ['g', 'g', 'l'], attention_types: [[['g', 'g', 'l'], 1]] };
    expect(prunedKeys(neo, 4, [0, 2, 3])).toEqual(rebuilt);
    expect(prunedKeys({ attention_types: [[['g', 'l'], 3]] }, 4, [0, 2, 3])).toEqual({});
  });

  it('change model.decoder of genai_config.json only', () => {
    const text = JSON.stringify({
      model: {
        decoder: { num_hidden_layers: 4, sliding_window: { layers: [0, 3], window_size: 8 } },
        type: 'x',
      },
    });
    expect(JSON.parse(prunedGenaiConfig(text, 4, [0, 1, 3]))).toEqual({
      model: {
        decoder: { num_hidden_layers: 3, sliding_window: { layers: [0, 2], window_size: 8 } },
        type: 'x',
      },
    });
  });

  it('are refused when they are not JSON', () => {
    expect(() => prunedConfigJson('{"a": ', 4, [0], null)).toThrow(/config.json is not valid JSON/);
  });
});
