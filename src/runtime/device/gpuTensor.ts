// A tensor in a GPU buffer of our own, wrapped for ONNX Runtime.

import type { Tensor } from 'onnxruntime-web';
import type { ElementType } from '../../model/programs/program.ts';
import type { DeviceTensor } from './engine.ts';
import type { OrtRuntime } from './ort.ts';

export class GpuTensor implements DeviceTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly tensor: Tensor;
  readonly buffer: GPUBuffer;
  private readonly done: () => void;

  constructor(
    runtime: OrtRuntime,
    buffer: GPUBuffer,
    type: ElementType,
    dims: readonly number[],
    done: () => void,
  ) {
    this.type = type;
    this.dims = dims;
    this.buffer = buffer;
    this.done = done;
    this.tensor = runtime.ort.Tensor.fromGpuBuffer(buffer as never, {
      dataType: type as 'float32',
      dims: dims as number[],
    });
  }

  free(): void {
    this.done();
  }
}
