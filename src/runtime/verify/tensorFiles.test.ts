// Written tensor files are held against the source: a byte, a name, a type that is not as it should
// be is found.

import { expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import { healingOf, lowRank } from '../../model/healing/testing/synthetic.ts';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { compareTensors } from './tensorFiles.ts';
import { withFile } from './testing/changedFolder.ts';

type Bytes = Uint8Array<ArrayBuffer>;

test.each(['hf-llama-bf16', 'gguf-llama-q8_0'])('%s', async (name) => {
  const source = await openModel(await openFolder(fixturePath(name)));
  const { format } = source.tensorSource!.files;
  const outcomeOf = async (
    removed: number[],
    steps: StepChoice[] = [],
    change: (bytes: Bytes) => Bytes = (bytes) => bytes,
    planned = steps,
  ) => {
    const manifest = await exportManifest(source, removed, { app: 'test', format, steps });
    const folder = manifestFolder(manifest, source.folder);
    const written = await openModel(await withFile(folder, manifest.graph, change));
    return compareTensors(written, source, [1, 3], planned, undefined);
  };
  expect((await outcomeOf([1, 3])).detail).toMatch(/^30 tensors, .*, all equal to the source$/);
  const damaged = await outcomeOf([1, 3], [], (bytes) => {
    bytes[bytes.length - 40]! ^= 1;
    return bytes;
  });
  expect(damaged.detail).toMatch(/^the tensor .* differs from the source at byte/);
  expect((await outcomeOf([3, 4])).detail).toMatch(/differs from the source/);
  expect((await outcomeOf([3])).detail).toMatch(/^the tensor .*\.3\..* is not in the source$/);
  expect((await outcomeOf([1, 3, 4])).detail).toMatch(/^the tensor .*\.2\..* is missing$/);

  const [tensor] = [...source.tensorSource!.bindings].find(
    ([, binding]) => binding.tensor.name === 'model.layers.2.mlp.down_proj.weight',
  )!;
  const { shape } = source.tensorSource!.bindings.get(tensor)!.tensor.stored;
  const change = lowRank(tensor, 2, { inputs: shape[1]!, outputs: shape[0]!, size: 0.5 });
  const healing = healingOf([1, 3], [change]);
  const steps: StepChoice[] = [{ step: 'healing', healing, quantised: 'again' }];
  expect((await outcomeOf([1, 3], steps)).detail).toMatch(/29 equal to those of the source, 1 to/);
  expect((await outcomeOf([1, 3], [], undefined, steps)).detail).toMatch(/differs from what the/);
});
