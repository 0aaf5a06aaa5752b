// The families that graphs are made for, by `model_type` of config.json.

import { EspalierError } from '../../../errors.ts';
import type { JsonObject } from '../../../json.ts';
import { FamilyFields } from '../familyFields.ts';
import type { DecoderSpec } from '../spec.ts';
import { GEMMA_FAMILIES } from './gemma.ts';
import { LAYER_NORM_FAMILIES } from './layerNorm.ts';
import { NEAR_FAMILIES } from './near.ts';
import { RMS_NORM_FAMILIES } from './rmsNorm.ts';

/** Reads the config of a family. @throws EspalierError `unsupported-graph` naming the field */
type Family = (fields: FamilyFields) => DecoderSpec;

const FAMILIES: Readonly<Record<string, Family>> = {
  ...RMS_NORM_FAMILIES,
  ...GEMMA_FAMILIES,
  ...LAYER_NORM_FAMILIES,
  ...NEAR_FAMILIES,
};

/** Families in the order of their names. */
export const MADE_FAMILIES: readonly string[] = Object.keys(FAMILIES).sort();

/**
 * What a config says that the decoder computes.
 * @throws EspalierError `unsupported-graph` naming the field with a value that is not known
 */
export function decoderSpec(config: JsonObject): DecoderSpec {
  const fields = new FamilyFields(config);
  const type = fields.text('model_type', '');
  const family = Object.hasOwn(FAMILIES, type) ? FAMILIES[type] : undefined;
  if (!family)
    throw new EspalierError(
      'unsupported-graph',
      type === ''
        ? 'config.json does not say model_type, without which no graph can be made.'
        : `config.json says model_type ${JSON.stringify(type)}, and no graph can be made for it. ` +
            `Known: ${MADE_FAMILIES.join(', ')}.`,
      'Open an ONNX export of this model.',
    );
  const spec = family(fields);
  fields.refuseForeign();
  return spec;
}
