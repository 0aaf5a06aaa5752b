// The open model.

import type { StudioState } from '../state.ts';

export const modelOf = (state: StudioState) => state.model.current;

export const numBlocksOf = (state: StudioState): number =>
  state.model.current?.summary.numBlocks ?? 0;
