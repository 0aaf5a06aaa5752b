// Keeps block weights where the plan wants them: all of them, or one block at a time; must not run programs.

import type { Chain, PrepareOptions } from './chain.ts';

/** Loads and drops the weights of blocks on demand. */
export class BlockLoader {
  private readonly chain: Chain;
  private readonly resident: boolean;
  private current: number | null = null;
  private loaded = false;

  constructor(chain: Chain, resident: boolean) {
    this.chain = chain;
    this.resident = resident;
  }

  /** Loads everything that is to stay. */
  async loadAll(options: PrepareOptions): Promise<void> {
    if (this.loaded) return;
    await this.chain.loadEnds(options);
    if (this.resident) for (const block of this.chain.programs.blocks) await this.chain.weights.load([block], options);
    else await this.visit(0, options);
    this.loaded = true;
  }

  /** Makes sure that `block` can run; in streamed mode the block before goes. */
  async visit(block: number, options: PrepareOptions = {}): Promise<void> {
    if (this.resident || this.current === block) return;
    if (this.current !== null) {
      await this.chain.engine.settled();
      this.chain.weights.release([this.chain.blockAt(this.current)]);
      this.current = null;
    }
    await this.chain.weights.load([this.chain.blockAt(block)], options);
    this.current = block;
  }
}
