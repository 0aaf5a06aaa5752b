import { create, toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { joinedFunctions } from './codecFunctions.ts';
import type { Model } from './graph.ts';
import { FunctionProtoSchema } from './onnx_pb.js';
import { modelOf } from './testing/text.ts';

const withFunction = (name: string, input: string): Model => ({
  ...modelOf('in x f32 [1]\nout x f32 [1]'),
  functions: [
    toBinary(
      FunctionProtoSchema,
      create(FunctionProtoSchema, { name, domain: 'm', input: [input] }),
    ),
  ],
});

it('functions of two models are there once, and never one for the other', () => {
  const norm = withFunction('Norm', 'x');
  expect(joinedFunctions(norm, withFunction('Norm', 'x'))).toEqual(norm.functions);
  expect(joinedFunctions(norm, withFunction('Gate', 'x')).length).toBe(2);
  expect(() => joinedFunctions(norm, withFunction('Norm', 'y'))).toThrow(
    /^Two graphs of the model call different local functions Norm\./,
  );
});
