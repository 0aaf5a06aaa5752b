// The special tokens that a tokenizer puts before and after every text.

import { malformed, Options, unsupported } from './options.ts';

/**
 * The ids that the post-processor puts before a single text.
 * @throws EspalierError `tokenizer`, naming what is not supported
 * @source Hugging Face Tokenizers, processors
 */
export function leadingIds(value: unknown): number[] {
  const options = new Options(value, 'post_processor');
  const ids = read(options);
  options.end();
  return ids;
}

function read(options: Options): number[] {
  switch (options.type) {
    case 'ByteLevel':
      // Only offsets depend on it.
      for (const name of ['add_prefix_space', 'trim_offsets', 'use_regex']) options.raw(name);
      return [];
    case 'BertProcessing':
    case 'RobertaProcessing': {
      for (const name of ['trim_offsets', 'add_prefix_space', 'sep']) options.raw(name);
      const cls = options.raw('cls');
      const id = Array.isArray(cls) ? (cls as unknown[])[1] : undefined;
      if (!isId(id)) throw malformed(options.part, 'has no cls with an id');
      return [id];
    }
    case 'TemplateProcessing':
      options.raw('pair');
      return template(options.list('single'), options.raw('special_tokens'), options.part);
    case 'Sequence':
      // Each is put around what those before it have made.
      return options.list('processors').map(leadingIds).reverse().flat();
    default:
      throw unsupported(options.part, 'there is no such post_processor here');
  }
}

const isId = (id: unknown): id is number => Number.isSafeInteger(id) && (id as number) >= 0;

function template(single: readonly unknown[], special: unknown, part: string): number[] {
  const leading: number[] = [];
  let texts = 0;
  for (const item of single as ({ SpecialToken?: unknown; Sequence?: unknown } | null)[]) {
    const { id } = (item?.SpecialToken ?? item?.Sequence ?? {}) as { id?: unknown };
    if (typeof id !== 'string') throw malformed(part, 'has a template that cannot be read');
    if (item?.Sequence !== undefined) {
      if (id !== 'A') throw unsupported(`the text ${id} in ${part}`, 'there is only one text');
      texts++;
      continue;
    }
    const named = Object.entries((special ?? {}) as object).find(([name]) => name === id)?.[1];
    const ids = (named as { ids?: unknown } | undefined)?.ids;
    if (!Array.isArray(ids) || !ids.every(isId))
      throw malformed(part, `names ${JSON.stringify(id)}, but gives it no ids`);
    if (texts === 0) leading.push(...ids);
  }
  if (texts !== 1) throw unsupported(`${texts} texts in ${part}`, 'a template has one');
  return leading;
}
