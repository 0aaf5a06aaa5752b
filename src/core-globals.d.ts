// The few globals that browsers, workers and Node share and that the pure rooms may use; anything
// else of the DOM stays out of them.
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array | ArrayBuffer): string;
}
declare const crypto: {
  subtle: { digest(algorithm: 'SHA-256', data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> };
};
/** A run of bytes that is read only where it is used. */
declare class Blob {
  constructor(parts: (Blob | Uint8Array<ArrayBuffer>)[]);
  readonly size: number;
  slice(start: number, end: number): Blob;
}
declare function structuredClone<T>(value: T): T;
