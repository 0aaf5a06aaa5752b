// The feed-forward of a block, with and without a gate.

import type { GraphMaker } from './nodes.ts';
import type { Activation, FeedForwardSpec } from './spec.ts';

/** (batch, sequence, hidden) to the same. @param input the normed residual stream */
export function feedForward(
  graph: GraphMaker,
  { activation, projections, down }: FeedForwardSpec,
  block: number,
  input: string,
): string {
  const at = `/model/layers.${block}/mlp`;
  const width = down.inputs;
  const gated = (gate: string, up: string): string => {
    const opened = activated(graph, activation, `${at}/act_fn`, gate, width);
    return graph.node('Mul', `${at}/Mul`, [opened, up], { width });
  };
  let inner: string;
  if ('gate' in projections) {
    const gate = graph.linear(projections.gate, `${at}/gate_proj`, input);
    inner = gated(gate, graph.linear(projections.up, `${at}/up_proj`, input));
  } else if ('gateUp' in projections) {
    const both = graph.linear(projections.gateUp, `${at}/gate_up_proj`, input);
    const outputs = [0, 1].map((k) => `${at}/gate_up_proj/Split/output_${k}`);
    graph.node('Split', `${at}/gate_up_proj/Split`, [both, graph.ints([width, width])], {
      attributes: { axis: -1 },
      outputs,
      width,
    });
    inner = gated(outputs[0]!, outputs[1]!);
  } else {
    const up = graph.linear(projections.up, `${at}/up_proj`, input);
    inner = activated(graph, activation, `${at}/act_fn`, up, width);
  }
  return graph.linear(down, `${at}/down_proj`, inner);
}

function activated(
  graph: GraphMaker,
  activation: Activation,
  at: string,
  input: string,
  width: number,
): string {
  switch (activation) {
    case 'silu': {
      const sigmoid = graph.node('Sigmoid', `${at}/Sigmoid`, [input], { width });
      return graph.node('Mul', `${at}/Mul`, [input, sigmoid], { width });
    }
    case 'gelu':
      return graph.node('Gelu', `${at}/Gelu`, [input], { width });
    case 'gelu-tanh':
      return graph.node('Gelu', `${at}/FastGelu`, [input], {
        attributes: { approximate: 'tanh' },
        width,
      });
    case 'relu':
      return graph.node('Relu', `${at}/Relu`, [input], { width });
  }
}
