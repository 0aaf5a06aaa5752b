// A graph as a file whose weights stay where they are: to run what no file of the folder holds as a
// whole.

import { EspalierError } from '../../errors.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { isRange, type Model, type Tensor } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { innerRanges } from './layout.ts';

/** Constants outside the initializers stay in the graph file, which must stay below 2 GB. */
const INNER_LIMIT_BYTES = 2 ** 30;

/**
 * The bytes of a graph file whose external data are the files of the folder, graph files among
 * them, named by their paths from its top; computed tensors lie in it.
 * @throws EspalierError as `readInner`
 */
export async function encodeInPlace(
  model: Model,
  folder: Folder,
): Promise<Uint8Array<ArrayBuffer>> {
  const { initializers } = model.graph;
  const computed = [...initializers.values()].filter(({ data }) => 'from' in data);
  const inner = await readInner(model, folder, computed);
  const bytes = encodeModel(model, (tensor, data, owner) => {
    const read = inner.get(tensor);
    if (read) return read;
    if (owner === 'initializer' && isRange(data))
      return { location: data.file, offset: data.offset, length: data.length };
    throw new EspalierError('bug', `The constant "${tensor.name}" lies in no file of the folder.`);
  });
  return new Uint8Array(bytes);
}

/**
 * The bytes of constants that are no initializers, and of `more` tensors, by tensor.
 * @throws EspalierError `unsupported-graph` beyond 1 GiB; `missing-file`
 */
export async function readInner(
  model: Model,
  folder: Folder,
  more: readonly Tensor[] = [],
): Promise<Map<object, Uint8Array>> {
  const reader = new BytesReader(folder);
  const found = new Map<object, Uint8Array>();
  let total = 0;
  for (const tensor of [...innerRanges(model.graph), ...more]) {
    total += tensor.data.length;
    if (total > INNER_LIMIT_BYTES) {
      throw new EspalierError(
        'unsupported-graph',
        `More than ${INNER_LIMIT_BYTES} bytes of weights are Constant nodes of the graph, ` +
          `"${tensor.name}" among them.`,
        'Export the model with its weights as initializers.',
      );
    }
    found.set(tensor, await reader.open(tensor.data).read(0, tensor.data.length));
  }
  return found;
}
