// Magnitudes of models without a graph, whose weights are computed from tensor files, against sums
// over the stored values themselves.

import { expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { widened } from '../../onnx/half.ts';
import { openFile } from '../../onnx/source.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { openModel } from '../open/open.ts';
import { measureMagnitudes } from './magnitude.ts';

/** The values of a stored tensor in the type that it has. */
function valuesOf(type: string, bytes: Uint8Array<ArrayBuffer>): number[] {
  if (type === 'F32') return [...new Float32Array(bytes.buffer)];
  if (type === 'BF16') {
    const words = Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half * 65536);
    return [...new Float32Array(words.buffer)];
  }
  // Q8_0: a float16 scale, then 32 integers.
  return Array.from({ length: bytes.length / 34 }, (_, k) => {
    const scale = widened(bytes.slice(34 * k, 34 * k + 2));
    const [factor = 0] = new Float32Array(scale.buffer);
    return [...new Int8Array(bytes.buffer, 34 * k + 2, 32)].map((integer) => integer * factor);
  }).flat();
}

it.each(['hf-llama-fp32', 'hf-llama-bf16', 'hf-gpt2-fp32', 'gguf-llama-q8_0'])(
  '%s has those of what is stored',
  async (name) => {
    const folder = await openFolder(fixturePath(name));
    const opened = await openModel(folder);
    const [l1, withNorms] = [new Map<number, number>(), new Map<number, number>()];
    let stored = 0;
    for (const { block, stored: tensor } of opened.tensorSource!.named.values()) {
      if (block === null) continue;
      const { file, offset, length } = tensor.data;
      const values = valuesOf(tensor.type, await openFile(folder, file).read(offset, length));
      const sum = values.reduce((total, value) => total + Math.abs(value), 0);
      const isBias = tensor.name.endsWith('.bias');
      if (tensor.shape.length === 2) l1.set(block, (l1.get(block) ?? 0) + sum);
      if (!isBias) withNorms.set(block, (withNorms.get(block) ?? 0) + sum);
      if (!isBias) stored += length;
    }
    const before = folder.bytesRead();
    const found = await measureMagnitudes(opened);
    // Integers and scales of a block of GGUF are read one after the other.
    const most = 1.05 * stored * (name.endsWith('q8_0') ? 2 : 1) + 100;
    expect(found.bytesRead).toBeLessThan(most);
    expect(folder.bytesRead() - before).toBeLessThan(most);
    for (const [block, sum] of l1) expect(found.l1[block]! / sum).toBeCloseTo(1, 6);
    for (const [block, sum] of withNorms) expect(found.l1WithNorms[block]! / sum).toBeCloseTo(1, 6);
  },
);
