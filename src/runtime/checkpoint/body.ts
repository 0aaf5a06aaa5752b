// What a leave-one-out job writes down: window NLLs, and where weights are streamed the states that
// are alive; must not trust what it reads.

import { isJsonObject } from '../../json.ts';
import { parseUnit, type Unit } from '../../units.ts';
import { type HiddenSnapshot, isHiddenSnapshot } from '../criteria/influence.ts';
import type { Variant } from '../pass/schedule.ts';
import type { PassState, WindowBytes } from '../pass/streams.ts';
import type { VariantNlls } from '../score/measures.ts';

/** A pass over some of the windows that was left in the middle. */
export interface SavedPass extends PassState {
  /** Windows `from` up to `from + count`. */
  from: number;
  count: number;
}

export interface LeaveOutBody {
  /** The line that units are left out of, joined. */
  line: string;
  results: VariantNlls[];
  pass: SavedPass | null;
  /**
   * Criteria of the hidden states up to `pass`, or up to the last group of windows that was
   * finished.
   */
  hidden: HiddenSnapshot | null;
}

/** What a body must fit. */
export interface BodyShape {
  line: readonly Unit[];
  /** Bytes of the hidden state of each window. */
  windowBytes: readonly number[];
}

/** The body if it is one of this job, else null. */
export function readLeaveOutBody(body: unknown, shape: BodyShape): LeaveOutBody | null {
  if (!isJsonObject(body) || body.line !== shape.line.join() || !Array.isArray(body.results))
    return null;
  const results = body.results.map((entry) => readResult(entry, shape.windowBytes.length));
  if (results.includes(null)) return null;
  const pass = body.pass === null ? null : readPass(body.pass, shape);
  if (body.pass !== null && pass === null) return null;
  const hidden = isHiddenSnapshot(body.hidden) ? body.hidden : null;
  return { line: body.line, results: results.filter((result) => result !== null), pass, hidden };
}

function readResult(entry: unknown, windows: number): VariantNlls | null {
  if (!isJsonObject(entry) || !Array.isArray(entry.nll) || entry.nll.length !== windows)
    return null;
  const variant = readVariant(entry.variant);
  const nll = entry.nll.map((value: unknown) =>
    typeof value === 'number' && !Number.isNaN(value) ? value : null,
  );
  return variant === null ? null : { variant, nll };
}

function readVariant(value: unknown): Variant | null {
  return value === 'intact' ? value : readUnit(value);
}

function readUnit(value: unknown): Unit | null {
  const unit = parseUnit(String(value));
  return unit === value ? unit : null;
}

function readPass(pass: unknown, { line, windowBytes }: BodyShape): SavedPass | null {
  if (!isJsonObject(pass) || !Array.isArray(pass.intact) || !Array.isArray(pass.streams))
    return null;
  const { from, count, front } = pass;
  if (
    !isIndex(from, windowBytes.length) ||
    !isIndex(count, windowBytes.length - from) ||
    count === 0 ||
    !isIndex(front, line.length)
  )
    return null;
  const bytes = windowBytes.slice(from, from + count);
  const intact = pass.intact.map((entry: unknown) =>
    isJsonObject(entry) && isIndex(entry.at, line.length) && isBytes(entry.windows, bytes)
      ? { at: entry.at, windows: entry.windows }
      : null,
  );
  const streams = pass.streams.map((entry: unknown) => {
    const unit = isJsonObject(entry) ? readUnit(entry.unit) : null;
    return isJsonObject(entry) &&
      unit !== null &&
      isIndex(entry.next, line.length) &&
      isBytes(entry.windows, bytes)
      ? { unit, next: entry.next, windows: entry.windows }
      : null;
  });
  if (intact.includes(null) || streams.includes(null)) return null;
  return {
    from,
    count,
    front,
    intact: intact.filter((entry) => entry !== null),
    streams: streams.filter((entry) => entry !== null),
  };
}

/** A whole number from 0 to `most`. */
function isIndex(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
}

function isBytes(windows: unknown, sizes: readonly number[]): windows is WindowBytes {
  return (
    Array.isArray(windows) &&
    windows.length === sizes.length &&
    windows.every((bytes, k) => bytes instanceof Uint8Array && bytes.byteLength === sizes[k])
  );
}
