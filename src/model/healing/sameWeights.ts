// The weights of a decoder in its other copies: the branches of a merged graph, the file with a
// past. Names differ between files, so that a weight is found by what reads it.

import { EspalierError } from '../../errors.ts';
import { BytesReader, keyOf } from '../../onnx/bytes.ts';
import type { Bytes, Folder } from '../../onnx/source.ts';
import type { Structure } from '../structure/structure.ts';
import { type StoredWeight, valueDims } from './changedWeights.ts';
import { findWeight, readersOf, type WeightChanges } from './storedWeights.ts';
import { usesOf, type WeightUses } from './weightUses.ts';

/** What changes weights, for messages. */
type ChangedBy = 'healing' | 'quantisation';

/** A weight under its name in a copy. */
interface SameWeight extends WeightChanges {
  weight: StoredWeight;
  /** As the source has it. */
  original: StoredWeight;
}

/**
 * The changes under the names that a copy of the decoder has for the weights: that which a node of
 * the same name reads, else that of the same name, else that in the same place among all of its
 * form in its block.
 * @param source the decoder whose weights the changes name
 * @throws EspalierError as `findWeight`; `unsupported-graph` for a weight that the copy does not
 *   have
 */
export function changesOfCopy(
  source: Structure,
  copy: Structure,
  changes: readonly WeightChanges[],
  by: ChangedBy = 'healing',
): SameWeight[] {
  const uses = usesOf(source);
  const copied = copy === source ? uses : usesOf(copy);
  return changes.map((change) => {
    const { tensor, block } = change;
    const original = findWeight(uses, { tensor, block }).weight;
    const name = copy === source ? original.name : nameInCopy(uses, copied, original.name, block);
    if (name === null)
      throw new EspalierError(
        'unsupported-graph',
        `The weight ${tensor}${block === null ? '' : ` of block ${block}`} is changed by the ` +
          `${by}, and was not found in every graph of the decoder.`,
        'Use the graphs of one export of the model, or one merged graph.',
      );
    const { weight } = findWeight(copied, { tensor: name, block });
    return { ...change, tensor: name, weight, original };
  });
}

export function nameInCopy(
  uses: WeightUses,
  copied: WeightUses,
  name: string,
  block: number | null,
): string | null {
  const wanted = formOf(uses, name, block);
  const alike = (of: WeightUses): string[] =>
    of.within(block).filter((other) => formOf(of, other, block) === wanted);
  const readerOf = (of: WeightUses, tensor: string): string =>
    readersOf(of, tensor, block)?.[0][0].node.name ?? '';
  const candidates = alike(copied);
  const reader = readerOf(uses, name);
  const byReader = candidates.filter((other) => readerOf(copied, other) === reader);
  if (reader !== '' && byReader.length === 1) return byReader[0]!;
  if (candidates.includes(name)) return name;
  const own = alike(uses);
  return own.length === candidates.length ? (candidates[own.indexOf(name)] ?? null) : null;
}

/** What reads a weight, and in which form; null where the block does not read it. */
function formOf(uses: WeightUses, name: string, block: number | null): string | null {
  const readers = readersOf(uses, name, block);
  const tensor = uses.tensor(name);
  if (!readers || !tensor) return null;
  const [{ node, slot, order, floats }] = readers[0];
  return [node.op, slot, order, floats?.op ?? '', tensor.type, tensor.dims.join('x')].join(' ');
}

/** Bytes compared of each weight. */
const SAMPLE_BYTES = 2 ** 16;

/**
 * Holds the weights found in other copies to those of the source by 64 KiB of each.
 * @throws EspalierError `unsupported-graph` naming a weight that differs; `missing-file`
 */
export async function requireSameWeights(
  source: Structure,
  copies: readonly Structure[],
  changes: readonly WeightChanges[],
  folder: Folder,
  by: ChangedBy = 'healing',
): Promise<void> {
  const reader = new BytesReader(folder);
  const sample = (data: Bytes): Promise<Uint8Array> => {
    const length = Math.min(SAMPLE_BYTES, data.length);
    // From the middle: matrices may begin with zeros.
    return reader.open(data).read((data.length - length) >> 1, length);
  };
  for (const copy of copies) {
    for (const { weight, original, block } of changesOfCopy(source, copy, changes, by)) {
      const differ =
        weight.kind !== original.kind ||
        valueDims(weight).join() !== valueDims(original).join() ||
        (keyOf(weight.data) !== keyOf(original.data) &&
          !equal(await sample(weight.data), await sample(original.data)));
      if (differ)
        throw new EspalierError(
          'unsupported-graph',
          `The weight ${original.name}${block === null ? '' : ` of block ${block}`} is changed by ` +
            `the ${by}, and differs from ${weight.name}, which has its place in another graph ` +
            'of the decoder.',
          'Use the graphs of one export of the model.',
        );
    }
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, k) => byte === b[k]);
