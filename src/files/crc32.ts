// CRC-32 of a stream of bytes, eight bytes per step ("slicing by 8"), fast enough for a disk.

/** The reversed polynomial of ISO 3309, which zip uses. */
const POLYNOMIAL = 0xedb88320;

/** Eight tables of 256 entries: table k holds the effect of a byte followed by k others. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let k = 256; k < tables.length; k++) {
    const before = at(tables, k - 256);
    tables[k] = (before >>> 8) ^ at(tables, before & 255);
  }
  return tables;
}

function at(table: Int32Array, index: number): number {
  return table[index] as number;
}

/** The unsigned checksum of a stream up to and including `bytes`; `before` is that of the rest. */
export function crc32(bytes: Uint8Array<ArrayBuffer>, before = 0): number {
  let crc = ~before;
  let k = 0;
  // Words are read in the byte order of the machine: every browser runs on little-endian machines.
  const words =
    bytes.byteOffset % 4 === 0
      ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
      : new Int32Array(0);
  for (const end = words.length - (words.length % 2); k < end; k += 2) {
    const low = at(words, k) ^ crc;
    const high = at(words, k + 1);
    crc =
      at(TABLES, 1792 + (low & 255)) ^
      at(TABLES, 1536 + ((low >>> 8) & 255)) ^
      at(TABLES, 1280 + ((low >>> 16) & 255)) ^
      at(TABLES, 1024 + (low >>> 24)) ^
      at(TABLES, 768 + (high & 255)) ^
      at(TABLES, 512 + ((high >>> 8) & 255)) ^
      at(TABLES, 256 + ((high >>> 16) & 255)) ^
      at(TABLES, high >>> 24);
  }
  for (let byte = 4 * k; byte < bytes.length; byte++)
    crc = (crc >>> 8) ^ at(TABLES, (crc ^ (bytes[byte] as number)) & 255);
  return ~crc >>> 0;
}
