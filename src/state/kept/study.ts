// What is kept of one model, all slices together: taken from the state, brought together with what
// is stored, put back. Pure.

import { VERSION } from '../../version.ts';
import { KEPT_PARTS, type StudioState } from '../state.ts';
import { type AnyFields, differs, merge, pack, pick, unpack } from './part.ts';

/** The kept fields of every slice that has any, by slice; a slice may be missing. */
export type Study = Readonly<Record<string, AnyFields>>;

/** A record as it is stored. */
interface Body {
  /** Version of the page that wrote it. */
  app: string;
  parts: Readonly<Record<string, unknown>>;
}

const sliceOf = (state: StudioState, name: string) =>
  state[name as keyof StudioState] as unknown as AnyFields;

/** Another version may compute other numbers; a release that only mends does not. */
const release = (version: string) => version.split('.').slice(0, 2).join('.');

export const studyOf = (state: StudioState): Study =>
  Object.fromEntries(KEPT_PARTS.map(([name, part]) => [name, pick(part, sliceOf(state, name))]));

/** True when anything that is kept changed, or anything that took measuring. */
export function changed(state: StudioState, base: Study, measuredOnly = false): boolean {
  return KEPT_PARTS.some(
    ([name, part]) =>
      (part.isMeasured || !measuredOnly) && differs(part, sliceOf(state, name), base[name] ?? {}),
  );
}

/** How much there is of each kind; kinds of which there is nothing are missing. */
export function countsOf(study: Study): Record<string, number> {
  const counts = KEPT_PARTS.flatMap(([name, part]) => {
    const count = study[name] ? part.count(study[name]) : 0;
    return count > 0 ? [[name, count] as const] : [];
  });
  return Object.fromEntries(counts);
}

/** What was stored, without what is damaged or of another version. */
export function readBody(body: unknown): Study {
  const { app, parts } = (body ?? {}) as Partial<Body>;
  if (typeof app !== 'string' || release(app) !== release(VERSION)) return {};
  if (typeof parts !== 'object' || parts === null) return {};
  const read = KEPT_PARTS.flatMap(([name, part]) => {
    const fields = unpack(part, parts[name]);
    return fields ? [[name, fields] as const] : [];
  });
  return Object.fromEntries(read);
}

export function writeBody(study: Study): Body {
  const parts = KEPT_PARTS.flatMap(([name, part]) =>
    study[name] ? [[name, pack(part, study[name])] as const] : [],
  );
  return { app: VERSION, parts: Object.fromEntries(parts) };
}

/** Memory and store together; `base` is what both had in common. */
export function mergeStudies(base: Study, own: Study, stored: Study): Study {
  const merged = KEPT_PARTS.map(([name, part]) => [
    name,
    merge(part, base[name] ?? {}, own[name] ?? {}, stored[name] ?? null),
  ]);
  return Object.fromEntries(merged);
}

/** The state with a study in it. */
export function withStudy(state: StudioState, study: Study): StudioState {
  const slices = KEPT_PARTS.flatMap(([name, part]) => {
    const [slice, fields] = [sliceOf(state, name), study[name]];
    if (!fields || !differs(part, slice, fields)) return [];
    return [[name, part.put ? part.put({ ...slice }, fields) : { ...slice, ...fields }] as const];
  });
  return { ...state, ...Object.fromEntries(slices) };
}
