// What one click on a unit that shares a cache has done.

import { describe, expect, it } from 'vitest';
import { broughtBack, takenAlong } from './plan.ts';

describe('units that share a cache', () => {
  it('are named as what went or came back: blocks, or their attention', () => {
    expect(takenAlong(3, [3, 4])).toBe(
      'Removed together: block 3 and block 4, which reads its cache.',
    );
    expect(takenAlong('3.attn', ['3.attn', '4.attn', '5.attn'])).toBe(
      'Removed together: the attention of block 3 and of blocks 4 and 5, which read its cache.',
    );
    expect(broughtBack('4.attn', 3)).toBe(
      'Put back together: the attention of block 4 and of block 3, whose cache it reads.',
    );
  });
});
