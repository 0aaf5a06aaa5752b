// Names of checks, alone and of one graph of several.

import { expect, it } from 'vitest';
import { checkName } from './export.ts';

it('names checks, with their graph where there are several', () => {
  expect(checkName('structure')).toBe('Structure');
  expect(checkName('structure (onnx/model_q4.onnx)')).toBe('Structure (onnx/model_q4.onnx)');
  expect(checkName('loads (a (b).onnx)')).toBe('Loads (a (b).onnx)');
  expect(checkName('something else')).toBe('something else');
});
