// The tensors of a model without a graph under the names of Transformers, and how the
// initializers of the graph that is made for it are bound to them.

import type { StoredTensor, TensorFiles } from '../../tensors/tensorFiles.ts';

/** A tensor of the text model under the name that Transformers gives the parameter. */
export interface NamedTensor {
  /**
   * "model.layers.0.self_attn.q_proj.weight": as Transformers names it in the text model alone,
   * whatever is before it in a multimodal checkpoint, and whatever GGUF calls it.
   */
  name: string;
  /** The block that it belongs to, or null. */
  block: number | null;
  stored: StoredTensor;
  /** What the format did to the values: undone in this order to get those of Transformers. */
  undo: readonly ValueStep[];
}

/** A change of the values of a float tensor, rows first, that has an exact inverse. */
export type ValueStep =
  /** Adds a number to every value. */
  | { step: 'add'; value: number }
  /** (rows, columns) as (columns, rows). */
  | { step: 'transpose' }
  /**
   * Rows in another order. `halves`: in each head of llama.cpp's interleaved rotary order, the even
   * rows first, then the odd ones: reshape (heads, d / 2, 2) to (heads, 2, d / 2). `parts`: fused
   * projections stored head by head, (heads, 3, d), as (3, heads, d). Inverse: the same with
   * `back`.
   */
  | { step: 'rows'; order: 'halves' | 'parts'; heads: number; back?: true };

/** How a tensor of the files becomes initializers of the graph. */
export interface Binding {
  tensor: NamedTensor;
  /** What the graph needs beyond `tensor.undo`, in this order. */
  steps: readonly ValueStep[];
  /**
   * `floats`: one initializer, float32, after `undo` and `steps`. `blocks`: the weights and the
   * scales of a MatMulNBits, exactly the values of the file.
   */
  form: 'floats' | 'blocks';
}

/** The files that a graph was made for. */
export interface TensorSource {
  files: TensorFiles;
  /** The tensors of the text model by the names of Transformers. */
  named: ReadonlyMap<string, NamedTensor>;
  /** By the name of the initializer; of `blocks` by that of the packed weights. */
  bindings: ReadonlyMap<string, Binding>;
}
