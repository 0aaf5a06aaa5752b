// The heap of wasm modules, which shows what ONNX Runtime itself holds.

/** Bytes of every wasm memory that is made from now on; a heap never shrinks. */
export function watchHeap(): () => number {
  const memories: WebAssembly.Memory[] = [];
  class Watched extends WebAssembly.Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  }
  Object.assign(WebAssembly, { Memory: Watched });
  return () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}
