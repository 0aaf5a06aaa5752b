// Fields of a config that change what a model computes: read strictly, refused by their names.

import { EspalierError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';

/** The fields of config.json, or of an object in it. Null counts as absent. */
export interface Fields {
  /** The field as messages call it: "rope_scaling.factor". */
  name(field: string): string;
  names(): string[];
  /** Null where absent. */
  value(field: string): unknown;
  /** Null where absent; all others throw `unsupported-graph` for values of another kind. */
  number(field: string): number | null;
  text(field: string): string | null;
  /** A finite number above 0. */
  positive(field: string): number;
  /** The same, or the fallback where absent. */
  positiveOr<Fallback extends number | null>(field: string, fallback: Fallback): number | Fallback;
  /** A list of finite numbers above 0. */
  positives(field: string): number[];
}

/** @param path where the object stands in config.json; empty for the whole */
export function fieldsOf(object: JsonObject, path = ''): Fields {
  const value = (field: string): unknown => object[field] ?? null;
  const name = (field: string): string => (path ? `${path}.${field}` : field);
  const of =
    <T>(kind: (value: unknown) => value is T) =>
    (field: string): T | null => {
      const found = value(field);
      if (found === null) return null;
      if (kind(found)) return found;
      throw refuse(name(field), found);
    };
  const needed =
    <T>(optional: (field: string) => T | null) =>
    (field: string): T => {
      const found = optional(field);
      if (found !== null) return found;
      throw refuse(name(field), null);
    };
  const positive = of(isPositive);
  return {
    name,
    names: () => Object.keys(object),
    value,
    number: of((found): found is number => Number.isFinite(found)),
    text: of((found): found is string => typeof found === 'string'),
    positive: needed(positive),
    positiveOr: (field, fallback) => positive(field) ?? fallback,
    positives: needed(
      of((found): found is number[] => Array.isArray(found) && found.every(isPositive)),
    ),
  };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** The error of a config that says something for which no graph can be made. */
export function refuse(field: string, value: unknown): EspalierError {
  const said = value === null ? 'does not say' : 'says';
  const what = value === null ? field : `${field} = ${shortly(value)}`;
  return new EspalierError(
    'unsupported-graph',
    `config.json ${said} ${what}${value === null ? '' : ', for which no graph can be made here'}.`,
    'Convert the model to ONNX (onnxruntime-genai model builder, or optimum) and open that folder.',
  );
}

function shortly(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
