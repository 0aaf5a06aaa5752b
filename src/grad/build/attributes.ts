// Attributes of nodes from and to plain values.

import type { Attribute, Node } from '../../onnx/graph.ts';

/** Integers and lists of integers as they are, floats as `{ float }`, strings as text. */
export type AttributeValue = number | readonly number[] | { readonly float: number } | string;

export function attributesOf(
  values: Readonly<Record<string, AttributeValue>>,
): Map<string, Attribute> {
  return new Map(Object.entries(values).map(([name, value]) => [name, attribute(name, value)]));
}

function attribute(name: string, value: AttributeValue): Attribute {
  if (typeof value === 'number') return { name, kind: 'int', value };
  if (typeof value === 'string')
    return { name, kind: 'string', value: new TextEncoder().encode(value) };
  if ('float' in value) return { name, kind: 'float', value: value.float };
  return { name, kind: 'ints', value };
}

/** The text of a string attribute, or undefined. */
export function textAttribute(node: Node, name: string): string | undefined {
  const found = node.attributes.get(name);
  return found?.kind === 'string' ? new TextDecoder().decode(found.value) : undefined;
}

/** The numbers of a list attribute, or undefined. */
export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  const found = node.attributes.get(name);
  return found?.kind === 'ints' ? found.value : undefined;
}
