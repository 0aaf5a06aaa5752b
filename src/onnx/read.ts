// Reads one ONNX file of a folder as a Model, without its weights.

import { EspalierError } from '../errors.ts';
import { decodeModel } from './codec.ts';
import { externalResolver } from './external.ts';
import { DataType, elementCount, isRange, type Model, type Tensor } from './graph.ts';
import { skimModel } from './skim.ts';
import { type ByteRange, type Folder, nameInWords } from './source.ts';

/** External integer tensors of at most this many elements (shapes, axes) are read. */
const SMALL_ELEMENTS = 16;
/** Small tensors this many bytes apart are read at once. */
const NEIGHBOUR_BYTES = 4096;
const SMALL_TYPES: ReadonlySet<number> = new Set([DataType.int64, DataType.int32, DataType.bool]);

/**
 * The model of a graph file; large tensors, inline or external, are byte ranges.
 * @throws EspalierError `missing-file`, `corrupt-file`, `too-large`, `unsupported-graph` (sparse
 *   tensors), `bad-input` (external data outside the folder).
 */
export async function readModel(folder: Folder, graphPath: string): Promise<Model> {
  const source = folder.open(graphPath);
  if (!source)
    throw new EspalierError(
      'missing-file',
      `There is no ${graphPath} in the folder ${folder.name}.`,
      'Choose one of the ONNX files in it.',
    );
  const skeleton = await skimModel(source, graphPath);
  const model = decodeModel(skeleton, externalResolver(folder, graphPath), graphPath);
  await loadSmallOperands(folder, model);
  return model;
}

/** Some exporters move every tensor to external data, even shapes, which the analysis needs. */
async function loadSmallOperands(folder: Folder, model: Model): Promise<void> {
  const wanted = [...model.graph.initializers.values()].filter(
    (t) => isRange(t.data) && SMALL_TYPES.has(t.type) && elementCount(t.dims) <= SMALL_ELEMENTS,
  );
  const files = new Map<string, { tensor: Tensor; range: ByteRange }[]>();
  for (const tensor of wanted) {
    if (!isRange(tensor.data)) continue;
    const list = files.get(tensor.data.file) ?? [];
    list.push({ tensor, range: tensor.data });
    files.set(tensor.data.file, list);
  }
  for (const [file, list] of files) {
    const source = folder.open(file);
    if (!source)
      throw new EspalierError(
        'missing-file',
        `The weights file ${file} is not in ${nameInWords(folder)}.`,
        'Add the file and open the folder again.',
      );
    list.sort((a, b) => a.range.offset - b.range.offset);
    for (let k = 0; k < list.length; ) {
      const start = list[k]!.range.offset;
      let last = k;
      while (last + 1 < list.length && list[last + 1]!.range.offset - start < NEIGHBOUR_BYTES)
        last++;
      let end = start;
      for (let j = k; j <= last; j++)
        end = Math.max(end, list[j]!.range.offset + list[j]!.range.length);
      const bytes = await source.read(start, end - start);
      for (; k <= last; k++) {
        const { tensor, range } = list[k]!;
        tensor.data = bytes.slice(range.offset - start, range.offset - start + range.length);
      }
    }
  }
}
