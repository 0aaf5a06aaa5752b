// Plans for other tools, and the tables of the paper written and read again; runs no Python.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { espalierLine, huggingFaceSnippet, llamaQuantizeLine, mergekitYaml } from './formats.ts';
import { readBlockOrder, readPplTable, writeBlockOrder, writePplTable } from './tables.ts';

describe('plans for other tools', () => {
  it('mergekit stacks the runs that stay', () => {
    expect(mergekitYaml('org/model', [0, 3, 4], 8)).toBe(
      [
        'merge_method: passthrough',
        'slices:',
        '  - sources:',
        '      - model: "org/model"',
        '        layer_range: [1, 3]',
        '  - sources:',
        '      - model: "org/model"',
        '        layer_range: [5, 8]',
        '',
      ].join('\n'),
    );
    expect(mergekitYaml('m', [], 2)).toContain('layer_range: [0, 2]');
    expect(mergekitYaml('a: "b" #\\\n\u0085é😀', [1], 2)).toContain(
      'model: "a: \\"b\\" #\\\\\\u000a\\u0085\\u00e9\\U0001f600"',
    );
  });

  it('llama-quantize names the blocks that go, and its files as words of a shell', () => {
    expect(llamaQuantizeLine('my-model', [3, 7, 8], 16)).toBe(
      'llama-quantize --prune-layers 3,7,8 my-model.gguf my-model-pruned.gguf F16',
    );
    expect(llamaQuantizeLine("it's; rm", [1], 4)).toContain("'it'\\''s; rm.gguf'");
    expect(llamaQuantizeLine('-x', [1], 4)).toContain(' ./-x.gguf ');
    expect(() => llamaQuantizeLine('m', [], 4)).toThrow('removes nothing');
  });

  it('the Transformers snippet keeps, renumbers and saves', () => {
    const code = huggingFaceSnippet('org/some model', 'llama', [1, 2], 5);
    expect(code).toContain('keep = [0, 3, 4]');
    expect(code).toContain('model.model.layers = torch.nn.ModuleList([layers[i] for i in keep])');
    expect(code).toContain('target = "some model-pruned"');
    expect(code).toContain('config.num_hidden_layers = len(keep)');
    expect(huggingFaceSnippet('m', 'opt', [1], 5)).toContain('model.model.decoder.layers = ');
    expect(huggingFaceSnippet('m', 'gpt_neo', [1], 5)).toContain('config.attention_types = ');
    expect(huggingFaceSnippet('a"\n', 'llama', [1], 5)).toContain('source = "a\\"\\u000a"');
  });

  it('our own command line takes every plan', () => {
    expect(espalierLine('my model', 'onnx/model.onnx', [3, '7.attn', 8, 9, 10], 'out')).toBe(
      "npm run -s espalier -- prune 'my model' --model onnx/model.onnx --remove " +
        '3,7.attn,8-10 --out out',
    );
    expect(espalierLine('m', 'model.onnx', [], 'm-4-of-4')).toContain('--remove "" --out m-4-of-4');
  });

  it('refuse sublayers of blocks, blocks that are not there, and empty models', () => {
    for (const make of [
      (removed: (number | '2.attn')[]) => mergekitYaml('m', removed, 4),
      (removed: (number | '2.attn')[]) => llamaQuantizeLine('m', removed, 4),
      (removed: (number | '2.attn')[]) => huggingFaceSnippet('m', 'llama', removed, 4),
    ]) {
      expect(() => make([1, '2.attn'])).toThrow('removes 2.attn, a sublayer');
      expect(() => make([4])).toThrow('no block 4');
      expect(() => make([0, 1, 2, 3])).toThrow('At least one block must stay');
    }
  });
});

describe('block_order.csv', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(63), { minLength: 1 }), (order) => {
        expect(readBlockOrder(writeBlockOrder(order), 64)).toEqual(order);
      }),
    );
  });

  it('is read as others write it', () => {
    expect(readBlockOrder('\uFEFF 24, 26 ,25\r\n\r\n', 32)).toEqual([24, 26, 25]);
    expect(readBlockOrder('\n3,1', 32)).toEqual([3, 1]);
  });

  it.each([
    ['', 'line 1: it is empty'],
    ['1,2\n3', 'line 2: it is a second line'],
    ['1,x', 'line 1: entry 2: "x" is not a block number'],
    ['1,,2', 'entry 2: "" is not a block number'],
    ['1,-2', '"-2" is not a block number'],
    ['\n\n1,99', 'line 3: entry 2: There is no block 99; the model has blocks 0 to 31'],
    ['1,2,1', 'names block 1 twice'],
  ])('%j is refused', (text, message) => {
    expect(() => readBlockOrder(text, 32)).toThrow(message);
  });
});

describe('all_ppl_unsorted.csv', () => {
  const table = {
    dataset: 'bookcorpus',
    samples: 10,
    rows: [
      { block: 0, ppl: null, params: 6_536_032_256 },
      { block: 1, ppl: 12.25, params: 6_536_032_256 },
    ],
  };

  it('comes back as it was written', () => {
    const text = writePplTable(table);
    expect(text.split('\n')[0]).toBe('removed_block,ppl_bookcorpus,num_calib_data,params');
    expect(text.split('\n')[1]).toBe('0,inf,10,6536032256');
    expect(readPplTable(text, 32)).toEqual(table);
    expect(writePplTable({ ...table, dataset: 'my text, v2' })).toContain('ppl_my_text_v2,');
  });

  it('is read as others write it', () => {
    const text = '\uFEFFparams, ppl_wikitext2 ,removed_block\r\n1e9, 8276.4 ,0\r\n1e9,7e30,1\r\n';
    expect(readPplTable(text, 2)).toEqual({
      dataset: 'wikitext2',
      samples: null,
      rows: [
        { block: 0, ppl: 8276.4, params: 1e9 },
        { block: 1, ppl: 7e30, params: 1e9 },
      ],
    });
  });

  it.each([
    ['', 'line 1: it is empty'],
    ['block,ppl_x\n1,2', 'line 1: it has no column removed_block'],
    ['removed_block,params\n1,2', 'no column ppl_<dataset>'],
    ['removed_block,ppl_x', 'is the only line'],
    ['removed_block,ppl_x\n1', 'line 2: it has 1 columns, the header 2'],
    ['removed_block,ppl_x\n1,2\n1,3', 'line 3: it is the second row of block 1'],
    ['removed_block,ppl_x\n\n1,abc', 'line 3: "abc" is not a perplexity'],
    ['removed_block,ppl_x\n1,0.5', '"0.5" is not a perplexity'],
    ['removed_block,ppl_x\n9,2', 'There is no block 9'],
    ['removed_block,ppl_x,params\n1,2,many', 'params: "many" is not a number'],
  ])('%j is refused', (text, message) => {
    expect(() => readPplTable(text, 4)).toThrow(message);
  });
});
