// Reads one ONNX file of a folder as a Model, without its weights.

import { EspalierError } from '../errors.ts';
import { decodeModel } from './codec.ts';
import { externalResolver } from './external.ts';
import {
  type Attribute,
  DataType,
  elementCount,
  type Graph,
  isRange,
  type Model,
  type Tensor,
} from './graph.ts';
import { skimModel } from './skim.ts';
import { type ByteRange, type Folder, nameInWords } from './source.ts';

/** External tensors of at most this many elements (shapes, axes, scalars) are read. */
const SMALL_ELEMENTS = 16;
/** Types of operands that say what a node does. */
const OPERANDS: ReadonlySet<number> = new Set([DataType.int64, DataType.int32, DataType.bool]);
/** Small tensors this many bytes apart are read at once. */
const NEIGHBOUR_BYTES = 4096;

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
  const dataFiles = new Set<string>();
  const resolve = externalResolver(folder, graphPath);
  const model = decodeModel(
    skeleton,
    (...reference) => {
      const range = resolve(...reference);
      if (range.file !== graphPath) dataFiles.add(range.file);
      return range;
    },
    graphPath,
  );
  await loadSmallOperands(folder, model);
  return { ...model, dataFiles: [...dataFiles].sort() };
}

/**
 * Some exporters move every tensor to external data, even shapes and the values of Constant nodes,
 * which the analysis and the programs need.
 */
async function loadSmallOperands(folder: Folder, model: Model): Promise<void> {
  const weights = new Set(model.graph.initializers.values());
  const wanted = tensorsOf(model.graph).filter((t) => {
    // A weight vector that happens to be short stays where it is.
    const most = weights.has(t) && !OPERANDS.has(t.type) ? 1 : SMALL_ELEMENTS;
    return isRange(t.data) && elementCount(t.dims) <= most;
  });
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

/** All tensors of a graph: initializers and attributes, those of subgraphs included. */
function tensorsOf(graph: Graph): Tensor[] {
  const found: Tensor[] = [...graph.initializers.values()];
  const add = (attribute: Attribute): void => {
    if (attribute.kind === 'tensor') found.push(attribute.value);
    else if (attribute.kind === 'tensors') for (const t of attribute.value) found.push(t);
    else if (attribute.kind === 'graph') for (const t of tensorsOf(attribute.value)) found.push(t);
    else if (attribute.kind === 'graphs')
      for (const g of attribute.value) for (const t of tensorsOf(g)) found.push(t);
  };
  for (const node of graph.nodes) for (const a of node.attributes.values()) add(a);
  return found;
}
