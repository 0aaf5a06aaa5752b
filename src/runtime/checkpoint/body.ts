// What a leave-one-out job writes down: window NLLs and, where weights are streamed, the hidden
// states that are alive. What is read back is checked, since other versions may have written it.

import { isJsonObject } from '../../json.ts';
import { parseUnit, type Unit } from '../../units.ts';
import { type HiddenSnapshot, isHiddenSnapshot } from '../criteria/influence.ts';
import type { Ablation } from '../pass/schedule.ts';
import type { PassState, WindowBytes } from '../pass/streams.ts';
import type { AblationNlls } from '../score/measures.ts';

/** A pass over some of the windows that was interrupted. */
export interface SavedPass extends PassState {
  /** Windows `from` up to `from + count`. */
  from: number;
  count: number;
}

export interface LeaveOutBody {
  results: AblationNlls[];
  pass: SavedPass | null;
  /** Criteria of the hidden states up to `pass`, or up to the last group of finished windows. */
  hidden: HiddenSnapshot | null;
}

/** The body as it is stored. Its field names are a file format: they do not follow renames. */
interface StoredBody {
  /** The sequence that units are left out of, joined. */
  line: string;
  results: { variant: 'intact' | Unit; nll: (number | null)[] }[];
  pass: {
    from: number;
    count: number;
    front: number;
    intact: PassState['original'];
    streams: PassState['streams'];
  } | null;
  hidden: HiddenSnapshot | null;
}

/** What a body must fit. */
export interface BodyShape {
  sequence: readonly Unit[];
  /** Bytes of the hidden state of each window. */
  windowBytes: readonly number[];
}

/** The body in the form in which it is stored. */
export function storedBody(
  { results, pass, hidden }: LeaveOutBody,
  sequence: readonly Unit[],
): StoredBody {
  return {
    line: sequence.join(),
    results: results.map(({ ablation, nll }) => ({
      variant: ablation === 'original' ? 'intact' : ablation,
      nll,
    })),
    pass: pass && {
      from: pass.from,
      count: pass.count,
      front: pass.position,
      intact: pass.original,
      streams: pass.streams,
    },
    hidden,
  };
}

/** The stored body if it belongs to this job, else null. */
export function readLeaveOutBody(body: unknown, shape: BodyShape): LeaveOutBody | null {
  if (!isJsonObject(body) || body.line !== shape.sequence.join() || !Array.isArray(body.results))
    return null;
  const results = body.results.map((entry) => readResult(entry, shape.windowBytes.length));
  if (results.includes(null)) return null;
  const pass = body.pass === null ? null : readPass(body.pass, shape);
  if (body.pass !== null && pass === null) return null;
  const hidden = isHiddenSnapshot(body.hidden) ? body.hidden : null;
  return { results: results.filter((result) => result !== null), pass, hidden };
}

function readResult(entry: unknown, windows: number): AblationNlls | null {
  if (!isJsonObject(entry) || !Array.isArray(entry.nll) || entry.nll.length !== windows)
    return null;
  const ablation = readAblation(entry.variant);
  const nll = entry.nll.map((value: unknown) =>
    typeof value === 'number' && !Number.isNaN(value) ? value : null,
  );
  return ablation === null ? null : { ablation, nll };
}

function readAblation(value: unknown): Ablation | null {
  return value === 'intact' ? 'original' : readUnit(value);
}

function readUnit(value: unknown): Unit | null {
  const unit = parseUnit(String(value));
  return unit === value ? unit : null;
}

function readPass(pass: unknown, { sequence, windowBytes }: BodyShape): SavedPass | null {
  if (!isJsonObject(pass) || !Array.isArray(pass.intact) || !Array.isArray(pass.streams))
    return null;
  const { from, count, front } = pass;
  if (
    !isIndex(from, windowBytes.length) ||
    !isIndex(count, windowBytes.length - from) ||
    count === 0 ||
    !isIndex(front, sequence.length)
  )
    return null;
  const bytes = windowBytes.slice(from, from + count);
  const original = pass.intact.map((entry: unknown) =>
    isJsonObject(entry) && isIndex(entry.at, sequence.length) && isBytes(entry.windows, bytes)
      ? { at: entry.at, windows: entry.windows }
      : null,
  );
  const streams = pass.streams.map((entry: unknown) => {
    const unit = isJsonObject(entry) ? readUnit(entry.unit) : null;
    return isJsonObject(entry) &&
      unit !== null &&
      isIndex(entry.next, sequence.length) &&
      isBytes(entry.windows, bytes)
      ? { unit, next: entry.next, windows: entry.windows }
      : null;
  });
  if (original.includes(null) || streams.includes(null)) return null;
  return {
    from,
    count,
    position: front,
    original: original.filter((entry) => entry !== null),
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
