// Rules of operators that select elements by computed indices. Indices get no gradient.

import { intAttribute } from '../../onnx/graph.ts';
import { axisOf } from '../build/dims.ts';
import { type Rule, unknownForm } from './rule.ts';

/** y = the k largest, with their indices: dx = d at the indices, which are unique, else 0 */
export const topK: Rule = ({ b, ...at }) => {
  const { node } = at;
  const [x = ''] = node.inputs;
  const axis = axisOf(intAttribute(node, 'axis') ?? -1, b.dims(x).length);
  at.give(0, () => {
    const zeros = b.zeros(b.dims(x), b.type(x));
    return b.op('ScatterElements', [zeros, node.outputs[1] ?? '', at.d()], b.dims(x), { axis });
  });
};

/**
 * y = data with updates at unique indices along an axis: dupdates = d at the indices, ddata = d
 * with zeros there
 */
export const scatterElements: Rule = ({ b, ...at }) => {
  const { node } = at;
  const [data = '', indices = '', updates = ''] = node.inputs;
  const axis = axisOf(intAttribute(node, 'axis') ?? 0, b.dims(data).length);
  const reduction = node.attributes.get('reduction');
  if (reduction?.kind === 'string' && new TextDecoder().decode(reduction.value) !== 'none')
    throw unknownForm(node, 'with a reduction');
  at.give(0, () => {
    const zeros = b.zeros(b.dims(updates), b.type(data));
    return b.op('ScatterElements', [at.d(), indices, zeros], b.dims(data), { axis });
  });
  at.give(2, () => b.op('GatherElements', [at.d(), indices], b.dims(updates), { axis }));
};

/** y = x at indices along an axis: dx = d at the indices, summed where one comes again, else 0 */
export const gatherElements: Rule = ({ b, ...at }) => {
  const { node } = at;
  const [x = '', indices = ''] = node.inputs;
  // Sums at an index are known since operator set 16.
  if (b.opset < 16) throw unknownForm(node, 'in an operator set before 16');
  const axis = axisOf(intAttribute(node, 'axis') ?? 0, b.dims(x).length);
  at.give(0, () => {
    const zeros = b.zeros(b.dims(x), b.type(x));
    const reduction = 'add';
    return b.op('ScatterElements', [zeros, indices, at.d()], b.dims(x), { axis, reduction });
  });
};
