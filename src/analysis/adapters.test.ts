// Starts of adapters beside those of the golden.

import { expect, it } from 'vitest';
import { golden } from '../testing/fixtures.ts';
import { firstFactor } from './adapters.ts';

it('the first factor of an adapter is that of the golden', () => {
  const { a_init_check: check, rank } = golden<{
    a_init_check: Record<string, number[]>;
    rank: number;
  }>('lora');
  const inputs: Record<string, number> = { '0.0': 128, '15.4': 320 };
  for (const [key, wanted] of Object.entries(check)) {
    const [block = 0, slot = 0] = key.split('.').map(Number);
    const values = firstFactor({ seed: 1, block, slot }, [inputs[key] ?? 0, rank]);
    expect(wanted.map((_, k) => values[k * rank])).toEqual(wanted);
  }
});
