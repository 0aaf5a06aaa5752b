// What is known of a type in which files of named tensors store floats.

/** How values lie: alone, or in blocks along a row. */
export interface StoredType {
  /** Values and bytes of a block. */
  values: number;
  bytes: number;
  /** `first` and `count` of `decode` are multiples of it. */
  unit: number;
  /** Of values alone: what each is. */
  plain?: 'float32' | 'float16' | 'bfloat16';
  /**
   * The values first.. of the row that begins at byte `row`, `count` of them, as float32 from
   * `out[to]` on.
   */
  decode(
    bytes: Uint8Array,
    row: number,
    first: number,
    count: number,
    out: Float32Array,
    to: number,
  ): void;
}
