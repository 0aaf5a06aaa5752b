// Sublayers of blocks taken out of real graphs: the surgery's laws, and that what is left is found
// again.

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { checkGraph } from '../../onnx/check.ts';
import { decodeModel, encodeModel } from '../../onnx/codec.ts';
import type { Model } from '../../onnx/graph.ts';
import { inFile } from '../../onnx/testing/inFile.ts';
import { fixtureFolder } from '../../testing/derived.ts';
import { samplePath, wholeCorpus } from '../../testing/fixtures.ts';
import { blockOf, sortUnits, sublayerOf, sublayerUnit, type Unit } from '../../units.ts';
import { openModel } from '../open/open.ts';
import { findBlocks } from './blocks.ts';
import { planRemoval } from './removal.ts';
import { removeUnits } from './remove.ts';
import { removalObstacle } from './removeGraph.ts';
import type { Structure } from './structure.ts';

const opened = new Map<string, Structure>();

beforeAll(async () => {
  const places: [string, string, string][] = wholeCorpus()
    .filter((row) => row.supported)
    .map((row) => [row.folder, fixtureFolder(row.folder), row.file]);
  for (const [name, path, file] of [
    ...places,
    ['sample', samplePath(), 'onnx/model.onnx'] as const,
  ]) {
    const folder = await openFolder(path);
    const { structure } = await openModel(folder, file);
    await folder.close();
    opened.set(name, structure);
  }
});

/** Everything that tells two graphs apart, weights by their place. */
function shape({ graph, metadata }: Model): unknown {
  const nodes = graph.nodes.map((node) => [
    node.domain,
    node.op,
    node.name,
    node.inputs,
    node.outputs,
  ]);
  return [nodes, graph.inputs, graph.outputs, [...graph.initializers.keys()].sort(), [...metadata]];
}

const structureOf = (name: string): Structure => opened.get(name) as Structure;

/** The graph as another program reads it from the file. */
function reread(model: Model, layers: number): Structure {
  const bytes = encodeModel(
    model,
    inFile(({ file, offset, length }) => ({
      location: file,
      offset,
      length,
    })),
  );
  const told = decodeModel(bytes, ({ location, offset, length }) => ({
    file: location,
    offset,
    length: length ?? 0,
  }));
  return findBlocks(told, layers);
}

/** Some units of a model with both sublayers, in any order, one block at least untouched. */
const unitsOf = (blocks: number): fc.Arbitrary<Unit[]> =>
  fc
    .array(fc.tuple(fc.nat(blocks - 1), fc.constantFrom('attn' as const, 'ffn' as const, null)), {
      minLength: 1,
      maxLength: 6,
    })
    .map((all) =>
      all
        .filter(([b]) => b !== 1 % blocks)
        .map(([b, part]): Unit => (part ? sublayerUnit(b, part) : b)),
    );

const NAMES = wholeCorpus()
  .filter((row) => row.supported)
  .map((row) => row.folder);

describe.each([...NAMES, 'sample'])('parts of %s', (name) => {
  it('are refused, or leave a sound graph whose blocks are found again', () => {
    const structure = structureOf(name);
    for (const { index } of structure.blocks) {
      for (const part of ['attn', 'ffn'] as const) {
        const unit = sublayerUnit(index, part);
        const why = removalObstacle(structure, [unit]);
        if (why !== null) {
          expect(() => removeUnits(structure, [unit])).toThrow(why);
          continue;
        }
        const model = removeUnits(structure, [unit]);
        expect(checkGraph(model.graph)).toEqual([]);
        const again = findBlocks(model, planRemoval(structure, [unit]).after.length);
        expect(again.blocks.map((block) => block.lacks)).toEqual(
          structure.blocks.map((block) => (block.index === index ? part : null)),
        );
        expect(again.blocks.map((block) => block.mid !== null)).toEqual(
          structure.blocks.map((block) => block.mid !== null && block.index !== index),
        );
        const kept = structure.blocks
          .filter((block) => part === 'ffn' || block.index !== index)
          .flatMap((block) => block.states);
        expect(again.blocks.flatMap((block) => block.states).length).toBe(kept.length);
      }
    }
  });
});

describe('removing units', () => {
  const some = [
    'optimum-llama-fp32',
    'genai-lfm2-fp32-cpu',
    'optimum-gemma3-fp32',
    'dynamo-llama-op23',
    'optimum-opt-fp32',
    'sample',
  ];
  for (const name of some) {
    it(`gives one graph whatever the order and grouping: ${name}`, () => {
      const structure = structureOf(name);
      fc.assert(
        fc.property(
          unitsOf(structure.blocks.length),
          fc.infiniteStream(fc.nat(1000)),
          (units, random) => {
            const once = removeUnits(structure, units);
            expect(checkGraph(once.graph)).toEqual([]);
            const shuffled = units
              .map((unit) => ({ unit, at: random.next().value ?? 0 }))
              .sort((a, b) => a.at - b.at);
            expect(
              shape(
                removeUnits(
                  structure,
                  shuffled.map(({ unit }) => unit),
                ),
              ),
            ).toEqual(shape(once));
            expect(shape(removeUnits(structure, sortUnits(units)))).toEqual(shape(once));
            const again = findBlocks(once, planRemoval(structure, sortUnits(units)).after.length);
            expect(again.blocks.length).toBe(planRemoval(structure, units).remaining.length);
          },
        ),
        { numRuns: 25 },
      );
    });
  }

  it('one by one, each in the numbering of what is left, gives the graph of all at once', () => {
    const structure = structureOf('optimum-llama-fp32');
    fc.assert(
      fc.property(unitsOf(structure.blocks.length), (units) => {
        let left = structure;
        let origin = structure.blocks.map((block) => block.index);
        for (const unit of sortUnits(units)) {
          const part = sublayerOf(unit);
          const at = origin.indexOf(blockOf(unit));
          const here: Unit = part ? sublayerUnit(at, part) : at;
          left = findBlocks(removeUnits(left, [here]), null);
          if (!part) origin = origin.filter((block) => block !== blockOf(unit));
        }
        const all = removeUnits(structure, units);
        const names = (model: Model) =>
          new Set(model.graph.nodes.map((node) => `${node.op} ${node.inputs} ${node.outputs}`));
        expect(names(left.model)).toEqual(names(all));
        expect(left.model.graph.inputs.map((input) => input.name)).toEqual(
          all.graph.inputs.map((input) => input.name),
        );
      }),
      { numRuns: 25 },
    );
  });

  it('takes both sublayers for the block', () => {
    for (const [name, structure] of opened) {
      if (structure.blocks[1]?.mid == null) continue;
      expect(shape(removeUnits(structure, ['1.ffn', '1.attn'])), name).toEqual(
        shape(removeUnits(structure, [1])),
      );
    }
  });

  it('numbers caches over the blocks that keep their attention', () => {
    const { graph } = removeUnits(structureOf('sample'), [7, '9.attn', '8.ffn']);
    const keys = graph.inputs.map((input) => input.name).filter((input) => input.endsWith('.key'));
    expect(keys).toEqual(Array.from({ length: 14 }, (_, k) => `past_key_values.${k}.key`));
    const reader = graph.nodes.find((node) => node.inputs.includes('past_key_values.8.key'));
    expect(reader?.name).toContain('layers.10');
  });

  it('keeps the attention of one block, and the parts of what has none together', () => {
    const structure = structureOf('optimum-llama-fp32');
    const attentions = structure.blocks.map((block) => sublayerUnit(block.index, 'attn'));
    expect(() => removeUnits(structure, attentions)).toThrow(/No block would keep its attention/);
    const left = findBlocks(removeUnits(structure, ['2.attn', '3.ffn']), null);
    expect(() => removeUnits(left, ['2.ffn'])).toThrow(
      'Block 2 has only its feed-forward left: it can only be removed as a whole.',
    );
    expect(() => removeUnits(left, ['3.attn'])).toThrow(/only its attention left/);
    expect(removalObstacle(left, [2])).toBe(null);
    const plain = findBlocks(removeUnits(left, [2, 3]), null);
    expect(plain.model.metadata.size).toBe(structure.model.metadata.size);
    expect(plain.blocks.every((block) => block.lacks === null)).toBe(true);
  });

  it('is not read from a note that the graph contradicts', () => {
    const structure = structureOf('optimum-llama-fp32');
    const model = removeUnits(structure, ['1.attn', '3.ffn']);
    const [[key, note] = ['', '']] = [...model.metadata].filter(([name]) =>
      name.startsWith('espalier'),
    );
    const { cuts, parts } = JSON.parse(note) as { cuts: string[]; parts: string[][] };
    const told = (value: unknown): number =>
      findBlocks(
        {
          ...model,
          metadata: new Map([[key, typeof value === 'string' ? value : JSON.stringify(value)]]),
        },
        4,
      ).blocks.length;
    expect(told({ cuts, parts })).toBe(5);
    for (const wrong of [
      '',
      '{',
      '[]',
      { cuts },
      { cuts, parts: parts.slice(1) },
      { cuts: cuts.slice(1), parts: parts.slice(1) },
      { cuts: [...cuts].reverse(), parts },
      { cuts: cuts.map(() => cuts[0]), parts },
      { cuts: cuts.map(() => 'nowhere'), parts },
      { cuts: cuts.map(() => 7), parts },
      { cuts, parts: parts.map(() => ['attn', 'ffn']) },
      { cuts, parts: [...parts].reverse() },
      { cuts, parts: parts.map(() => 'ffn') },
      { cuts, parts: parts.map(() => ['mlp']) },
    ])
      expect(told(wrong), JSON.stringify(wrong)).toBe(4);
  });

  it('is found from the file; without its metadata never taken for whole blocks', () => {
    for (const name of ['optimum-llama-fp32', 'genai-llama-fp32-webgpu', 'sample']) {
      const structure = structureOf(name);
      const last = structure.blocks.length - 1;
      for (const units of [
        ['0.attn'],
        [`${last}.ffn`],
        [`${last}.attn`],
        [`${last - 1}.ffn`],
        ['1.attn', '2.attn'],
      ] as Unit[][]) {
        const model = removeUnits(structure, units);
        const layers = planRemoval(structure, units).after.length;
        expect(reread(model, layers).blocks.length).toBe(structure.blocks.length);
        const untold = findBlocks({ ...model, metadata: new Map() }, layers);
        expect(untold.blocks.length).toBe(layers);
        for (const block of untold.blocks)
          expect(checkGraph(removeUnits(untold, [block.index]).graph)).toEqual([]);
      }
    }
  });
});
