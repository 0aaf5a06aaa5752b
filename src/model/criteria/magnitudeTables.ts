// Lookup tables for packed integers: the values in a byte, and sums over the values of a byte.

/**
 * Byte tables hold ABS x (sum of |q - zero|) + (sum of squares) in one number. Both sums stay exact
 * in float64 over MAX_BYTES bytes.
 */
export const ABS = 2 ** 27;
/** MAX_BYTES x 255^2 < ABS, and MAX_BYTES x 255 x ABS < 2^53. */
export const MAX_BYTES = 1024;
/**
 * Most bytes whose sum of squares fits the low 16 bits of a narrow table, for values of at most 4
 * bits: 128 x 2 x 15^2 < 2^16.
 */
export const MAX_NARROW_BYTES = 128;

const valueTables = new Map<string, Float64Array>();
const byteTables = new Map<string, Float64Array>();
const narrowTables = new Map<string, Int32Array>();

function cached<T>(tables: Map<string, T>, key: string, make: () => T): T {
  const known = tables.get(key) ?? make();
  tables.set(key, known);
  return known;
}

/** The integers in each byte, lowest bits first: (256, 8 / bits). */
export function valueTable(bits: number, signed: boolean): Float64Array {
  return cached(valueTables, `${bits} ${signed}`, () => {
    const perByte = 8 / bits;
    const codes = 2 ** bits;
    return Float64Array.from({ length: 256 * perByte }, (_, k) => {
      const code = (Math.floor(k / perByte) >> ((k % perByte) * bits)) & (codes - 1);
      return signed && code >= codes / 2 ? code - codes : code;
    });
  });
}

/** The byte tables of all zero points of `bits` bits, in ascending order. */
export function allByteTables(bits: number, signed: boolean): Float64Array[] {
  const lowest = signed ? -(2 ** (bits - 1)) : 0;
  return Array.from({ length: 2 ** bits }, (_, k) => byteTable(bits, signed, lowest + k));
}

/** For each byte: the sum over its values of |q - zero| x ABS + (q - zero)^2. */
function byteTable(bits: number, signed: boolean, zero: number): Float64Array {
  return cached(byteTables, `${bits} ${signed} ${zero}`, () => {
    const table = new Float64Array(256);
    const perByte = 8 / bits;
    valueTable(bits, signed).forEach((value, k) => {
      table[Math.floor(k / perByte)]! += Math.abs(value - zero) * ABS + (value - zero) ** 2;
    });
    return table;
  });
}

/**
 * A byte table for values of at most 4 bits: the sum of |q - zero| in the high 16 bits and the sum
 * of squares in the low 16 bits. Its 1 KiB stays in the first-level cache.
 */
export function narrowTable(bits: number, signed: boolean, zero: number): Int32Array {
  return cached(narrowTables, `${bits} ${signed} ${zero}`, () =>
    Int32Array.from(
      byteTable(bits, signed, zero),
      (sum) => (Math.floor(sum / ABS) << 16) + (sum % ABS),
    ),
  );
}

/**
 * Packed integers as floats.
 * @param row integers per row when every row starts at a byte; null when they are contiguous.
 * @param count integers in all.
 */
export function unpackIntegers(
  bytes: Uint8Array,
  bits: number,
  signed: boolean,
  row: number | null,
  count: number,
): Float32Array {
  const perByte = 8 / bits;
  const values = valueTable(bits, signed);
  const perRow = row ?? count;
  const out = new Float32Array(count);
  if (perRow % perByte === 0 || perRow >= count) {
    const shift = perByte >> 1;
    for (let k = 0; k < count; k++)
      out[k] = values[(bytes[k >> shift]! << shift) | (k & (perByte - 1))]!;
    return out;
  }
  const rowBytes = Math.ceil(perRow / perByte);
  for (let k = 0; k < count; k++) {
    const column = k % perRow;
    const byte = bytes[Math.floor(k / perRow) * rowBytes + Math.floor(column / perByte)]!;
    out[k] = values[byte * perByte + (column % perByte)]!;
  }
  return out;
}
