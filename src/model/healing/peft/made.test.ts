// Adapters of models whose graph was made: what they add to the modules of Transformers is what the
// same healing changes in the tensors of the files.

import { expect, test } from 'vitest';
import { BytesReader } from '../../../onnx/bytes.ts';
import { floatsOf } from '../../../onnx/transforms/rows.ts';
import { storedChanges } from '../../export/tensorFiles/changes.ts';
import { tinyCheckpoint, tinyGoldens } from '../../make/testing/tinyCheckpoint.ts';
import { openModel } from '../../open/open.ts';
import { healingOf, lowRank } from '../testing/synthetic.ts';
import { peftObstacle } from './adapter.ts';
import { familyOf } from './families.ts';
import { type ModuleAdapter, moduleAdapters } from './moduleAdapters.ts';
import { blockProducts } from './products.ts';

/** scale B A, (outputs, inputs). */
function added({ rank, scale, inputs, outputs, a, b }: ModuleAdapter): number[] {
  const [left, right] = [floatsOf(b), floatsOf(a)];
  return Array.from({ length: outputs * inputs }, (_, at) => {
    const [row, input] = [Math.floor(at / inputs), at % inputs];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += left[row * rank + k]! * right[k * inputs + input]!;
    return scale * sum;
  });
}

test.each(['gpt_neox', 'bloom', 'gpt2', 'phi3'])('%s', async (name) => {
  const opened = await openModel(tinyCheckpoint(tinyGoldens()[name]!));
  const { structure, folder, tensorSource, config } = opened;
  const [products = []] = blockProducts(structure, [1]);
  const changes = products.map(({ tensor, inputs, outputs }) =>
    lowRank(tensor, 1, { inputs, outputs, size: 0.5 }),
  );
  const healing = healingOf([], changes);
  expect(peftObstacle(opened, healing)).toBeNull();
  const family = familyOf(config.family)!;
  const adapters = moduleAdapters(family, products, changes);
  expect(adapters.size).toBe(family.modules.length);
  const source = { structure, tensorSource: tensorSource! };
  const { changed } = storedChanges(source, [{ step: 'healing', healing, quantised: 'again' }]);
  const reader = new BytesReader(folder);
  const all = async (data: Parameters<BytesReader['open']>[0]) =>
    floatsOf(await reader.open(data).read(0, data.length));
  for (const [module, adapter] of adapters) {
    const stored = [...changed].find(([tensor]) => tensor.includes(`.1.${module}.`));
    const [before, after] = [
      await all(tensorSource!.files.tensors.get(stored![0])!.data),
      await all(stored![1].data),
    ];
    const { inputs, outputs } = adapter;
    const delta = added(adapter);
    for (let at = 0; at < delta.length; at++) {
      const [row, input] = [Math.floor(at / inputs), at % inputs];
      const k = family.conv1d ? input * outputs + row : at;
      expect(after[k]! - before[k]!).toBeCloseTo(delta[at]!, 5);
    }
  }
});
