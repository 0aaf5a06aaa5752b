// A Python script that gives a pruned GGUF file the metadata of the blocks that stay.

import type { Repair } from './remarks.ts';

/**
 * The script reads the file that llama-quantize wrote and writes another one: lists with an entry
 * for each block of the original keep those of `keep`, and the keys of `set` get their values.
 * Tried with gguf 0.19 and llama.cpp: docs/formats.md.
 * @param set keys of the metadata; lists hold a value for each block that stays.
 */
export function ggufRepair(
  arch: string,
  n: number,
  keep: readonly number[],
  set: Readonly<Record<string, readonly boolean[] | number>>,
): Repair {
  const values = Object.entries(set).map(
    ([key, value]) => `    "${key}": ${typeof value === 'number' ? value : pythonList(value)},`,
  );
  return {
    title: 'Repair of the pruned GGUF file',
    file: 'repair_gguf.py',
    text: `# pip install gguf; python repair_gguf.py pruned.gguf repaired.gguf
import sys

import gguf

keep = [${keep.join(', ')}]  # blocks of the original, counted from 0
values = {
${values.join('\n')}${values.length > 0 ? '\n' : ''}}

source, target = sys.argv[1:]
reader = gguf.GGUFReader(source)
arch = reader.get_field("general.architecture").contents()
assert arch == "${arch}", f"{source} holds {arch}, the plan is for ${arch}"
count = reader.get_field(f"{arch}.block_count").contents()
field = reader.get_field(f"{arch}.nextn_predict_layers")
extra = field.contents() if field else 0  # blocks for multi-token prediction, after the others
assert count == len(keep) + extra, f"{source} has {count - extra} blocks, not {len(keep)}"
writer = gguf.GGUFWriter(target, arch, endianess=reader.endianess)
writer.data_alignment = reader.alignment
for name, field in reader.fields.items():
    if name.startswith("GGUF.") or name == "general.architecture" or name in values:
        continue
    value, kind = field.contents(), field.types[0]
    inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
    # A list with an entry for each block of the original.
    if inner is not None and name.startswith(f"{arch}.") and "dimension_sections" not in name:
        if len(value) == ${n} + extra:
            value = [value[i] for i in keep] + value[${n}:]
    writer.add_key_value(name, value, kind, sub_type=inner)
for name, value in values.items():
    if isinstance(value, list):
        writer.add_array(name, value + [False] * extra)
    else:
        writer.add_uint32(name, value)
for tensor in reader.tensors:
    writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
`,
  };
}

function pythonList(values: readonly boolean[]): string {
  return `[${values.map((value) => (value ? 'True' : 'False')).join(', ')}]`;
}
