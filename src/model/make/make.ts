// A model without a graph becomes one with a graph: its config says what it computes, its tensors
// are bound to the initializers.

import type { JsonObject } from '../../json.ts';
import type { Model } from '../../onnx/graph.ts';
import { decoderGraph } from './decoder.ts';
import { decoderSpec } from './families/table.ts';
import { GraphMaker } from './nodes.ts';
import type { Binding, NamedTensor } from './weights.ts';

/** A model whose initializers are derived from the tensors of files. */
export interface MadeGraph {
  model: Model;
  /** By the name of the initializer; of `blocks` by that of the packed weights. */
  bindings: ReadonlyMap<string, Binding>;
}

/**
 * Makes the graph of a decoder, float32, as the onnxruntime-genai builder would. No tensor is read.
 * @param config config.json as Transformers has it
 * @param named the tensors by their names in Transformers
 * @param asFloats matrices in blocks of integers become float32 too, as a conversion to another
 *   precision needs them
 * @throws EspalierError `unsupported-graph` naming the field of the config, or a tensor, that no
 *   graph can be made for; `missing-file` for a tensor that is missing; `corrupt-file` for one with
 *   other dimensions than the config says
 */
export function makeGraph(
  config: JsonObject,
  named: ReadonlyMap<string, NamedTensor>,
  asFloats = false,
): MadeGraph {
  const maker = new GraphMaker(named, asFloats);
  const graph = decoderGraph(decoderSpec(config), maker);
  const model: Model = {
    irVersion: 10,
    producerName: 'espalier',
    producerVersion: '',
    opsets: new Map([
      ['', 22],
      ['com.microsoft', 1],
    ]),
    metadata: new Map(),
    graph,
    functions: [],
  };
  return { model, bindings: maker.bindings };
}
