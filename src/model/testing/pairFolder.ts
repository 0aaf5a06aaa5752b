// A decoder in two files, made of a merged one, for tests.

import { nodeFolder } from '../../node/folder.ts';
import { encodeModel } from '../../onnx/codec.ts';
import { type Graph, isRange, type Model } from '../../onnx/graph.ts';
import { type Folder, openFile } from '../../onnx/source.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import { branchModel, findMerged } from '../graphs/branches.ts';
import { openModel } from '../open/open.ts';

/**
 * The merged decoder as its two files, each with its own weights.
 * @param rename what is done to the graph with a past before it is written
 */
export async function pairFolder(
  rename: (graph: Graph) => Graph = (graph) => graph,
): Promise<Folder> {
  const folder = await nodeFolder(fixturePath('merged-opt-fp32'));
  const opened = await openModel(folder);
  const { model } = opened.decoders[0];
  const merged = findMerged(model);
  if (!merged) throw new Error('not merged');
  const files: Record<string, Uint8Array> = {};
  for (const { path, size } of folder.files)
    if (path.endsWith('.json')) files[path] = await openFile(folder, path).read(0, size);
  const file = async (
    source: Model,
    drop: RegExp,
    edit: (graph: Graph) => Graph = (graph) => graph,
  ): Promise<Uint8Array> => {
    const inputs = source.graph.inputs.filter((v) => !drop.test(v.name));
    const kept = edit({ ...source.graph, inputs });
    const ranges = [...kept.initializers.values()].filter(({ data }) => isRange(data));
    const bytes = new Map<object, Uint8Array>();
    for (const tensor of ranges)
      if (isRange(tensor.data))
        bytes.set(
          tensor,
          await openFile(folder, tensor.data.file).read(tensor.data.offset, tensor.data.length),
        );
    return encodeModel({ ...source, graph: kept }, (tensor) => bytes.get(tensor)!);
  };
  files['onnx/decoder_model.onnx'] = await file(
    branchModel(model, merged.withoutPast),
    /past|use_cache/,
  );
  files['onnx/decoder_with_past_model.onnx'] = await file(
    branchModel(model, merged.withPast),
    /use_cache/,
    rename,
  );
  await folder.close();
  return memoryFolder(files);
}
