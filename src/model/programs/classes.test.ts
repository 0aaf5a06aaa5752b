import { describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixtureFolder } from '../../testing/derived.ts';
import { wholeCorpus } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { canonical, structuralClasses } from './classes.ts';
import { addInts, makeNode } from './rewrites.ts';
import type { Subgraph } from './subgraph.ts';

describe('structural classes of the fixtures', () => {
  for (const row of wholeCorpus().filter((r) => r.structuralClasses)) {
    it(`${row.folder} has classes ${row.structuralClasses}`, async () => {
      const folder = await openFolder(fixtureFolder(row.folder));
      const { structure } = await openModel(folder, row.file);
      expect(structuralClasses(structure)).toEqual(row.structuralClasses);
      await folder.close();
    });
  }
});

/** x -> Reshape(x, shape) + w */
function subgraph(names: string, shape: number[], weightDims: number[]): Subgraph {
  const initializers: Subgraph['initializers'] = new Map();
  const made: Subgraph = {
    nodes: [
      makeNode('Reshape', [`${names}x`, `${names}shape`], [`${names}r`]),
      makeNode('Add', [`${names}r`, `${names}w`], [`${names}y`]),
    ],
    inputs: [`${names}x`],
    outputs: [`${names}y`],
    initializers,
  };
  addInts(made, `${names}shape`, shape);
  initializers.set(`${names}w`, {
    name: `${names}w`,
    type: 1,
    dims: weightDims,
    data: { file: names, offset: 0, length: 64 },
  });
  return made;
}

describe('canonical names', () => {
  const key = (p: Subgraph): string => canonical(p, () => 'residual').key;

  it('forget the names and bytes of weights', () => {
    expect(key(subgraph('a', [2, 8], [16]))).toBe(key(subgraph('b', [2, 8], [16])));
  });

  it('tell shapes of weights, small integer constants and operators apart', () => {
    expect(key(subgraph('a', [2, 8], [16]))).not.toBe(key(subgraph('a', [2, 8], [4, 4])));
    expect(key(subgraph('a', [2, 8], [16]))).not.toBe(key(subgraph('a', [4, 4], [16])));
    const other = subgraph('a', [2, 8], [16]);
    other.nodes[1] = makeNode('Mul', ['ar', 'aw'], ['ay']);
    expect(key(subgraph('a', [2, 8], [16]))).not.toBe(key(other));
  });

  it('remember which value each slot stands for', () => {
    const { slots } = canonical(subgraph('a', [2, 8], [16]), () => 'residual');
    expect([...slots]).toEqual([
      ['residual0', 'ax'],
      ['weight0', 'aw'],
    ]);
  });
});
