// What espalier.json keeps of a width plan: which groups and channels of each block are gone.

import type { Field } from '../export/provenanceCheck.ts';
import type { WidthMethod, WidthPlan } from './types.ts';

const METHODS: readonly WidthMethod[] = ['wanda-sp', 'flap', 'llm-pruner'];

export interface WidthNote {
  method: WidthMethod;
  ratio: number;
  multiple: number;
  /** FLAP's compensation was added behind the projections. */
  compensated: boolean;
  /** By block of the source: what is gone, as ranges ("0-2,7"). */
  blocks: { groups: string; channels: string }[];
}

export function widthNote({ method, ratio, multiple, blocks }: WidthPlan): WidthNote {
  return {
    method,
    ratio,
    multiple,
    compensated: blocks.some((block) => block.attentionBias ?? block.feedForwardBias),
    blocks: blocks.map(({ groups, channels }) => ({
      groups: ranges(groups),
      channels: ranges(channels),
    })),
  };
}

/** @throws EspalierError `bad-input` naming the first field that is not as expected. */
export function readWidthNote(field: Field): WidthNote {
  return {
    method: field.at('method').oneOf(METHODS),
    ratio: field.at('ratio').number(),
    multiple: field.at('multiple').count(),
    compensated: field.at('compensated').boolean(),
    blocks: field.at('blocks').list((block) => ({
      groups: readRanges(block.at('groups')),
      channels: readRanges(block.at('channels')),
    })),
  };
}

/** Ascending numbers as "0-2,7". */
function ranges(numbers: readonly number[]): string {
  const found: [number, number][] = [];
  for (const one of numbers) {
    const last = found.at(-1);
    if (last && last[1] === one - 1) last[1] = one;
    else found.push([one, one]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join();
}

function readRanges(field: Field): string {
  const text = field.string();
  return /^(\d+(-\d+)?(,\d+(-\d+)?)*)?$/.test(text) ? text : field.fail('ranges such as "0-2,7"');
}
