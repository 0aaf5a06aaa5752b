// Configs with any value in any field: a graph is made, or it is refused in words.

import { expect, test } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { readSafetensors } from '../../tensors/safetensors/read.ts';
import { makeGraph } from './make.ts';
import { safetensorsNames } from './names/safetensors.ts';
import { tinyCheckpoint, tinyGoldens } from './testing/tinyCheckpoint.ts';

const VALUES: readonly unknown[] = [
  ...[undefined, null, true, false, -1, 0, 1, 3, 0.5, 1e300, 2 ** 31, 2 ** 53, '', 'x', '3'],
  ...[[], {}, [1, 'a', null], { rope_type: 'yarn', factor: -1 }, { type: 7 }],
];

/** Fields that configs of some families have and others do not. */
const FIELDS = [
  ...['rope_parameters', 'layer_types', 'head_dim', 'sliding_window', 'partial_rotary_factor'],
  ...['original_max_position_embeddings', 'logits_scaling', 'rms_norm_eps', 'max_window_layers'],
];

/** Trials of each form of config; every value of every field was tried once, 27,000 in all. */
const TRIALS = 40;

test('no value of a field makes anything else than a graph or a refusal', async () => {
  let seed = 17;
  const pick = <T>(list: readonly T[]): T => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return list[Math.floor((seed / 2 ** 32) * list.length)]!;
  };
  let refused = 0;
  for (const [name, of] of Object.entries(tinyGoldens())) {
    const files = await readSafetensors(tinyCheckpoint(of), 'model.safetensors');
    const named = safetensorsNames(files, of.config);
    const fields = [...Object.keys(of.config), ...FIELDS];
    for (let trial = 0; trial < TRIALS; trial++) {
      const [field, value] = [pick(fields), pick(VALUES)];
      try {
        makeGraph({ ...of.config, [field]: value }, named);
      } catch (error) {
        const what = `${name}, ${field} = ${JSON.stringify(value)}: ${String(error)}`;
        expect(error, what).toBeInstanceOf(EspalierError);
        expect((error as EspalierError).code, what).toMatch(/unsupported-graph|corrupt|missing/);
        refused += 1;
      }
    }
  }
  expect(refused).toBeGreaterThan(200);
});
