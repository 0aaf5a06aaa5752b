// The script that compares a checkpoint in Transformers with what was measured here, and the
// windows that it reads.

/** Largest difference of the mean NLL of a window, in nats. */
const TOLERANCE = 0.001;

/** Windows of token ids with the mean NLL of each, as measured here. */
export interface KitWindows {
  ids: readonly (readonly number[])[];
  /** Of the exported model: mean over the predicted tokens of each window, in nats. */
  nll: readonly number[];
  /** The same of the original, where it was measured. */
  original?: readonly number[];
}

export const WINDOWS_FILE = 'windows.json';

export function windowsFile({ ids, nll, original }: KitWindows): string {
  const windows = ids.map((window, k) => ({
    nll: nll[k],
    ...(original ? { original: original[k] } : {}),
    ids: window,
  }));
  return `${JSON.stringify({ windows }).replaceAll('{"nll"', '\n{"nll"')}\n`;
}

/** @param isPart the decoder is a part of a model of several parts */
export function checkScript(isPart: boolean): string {
  const loader = isPart ? 'AutoModelForImageTextToText' : 'AutoModelForCausalLM';
  return `"""Measures the loss of a checkpoint on the windows of ${WINDOWS_FILE}, in float32.

  python check.py              the pruned checkpoint: its loss must be what Espalier measured
  python check.py cpt          a result of training: its loss beside those before it

Needs torch and transformers. Ends with 1 where a loss of the pruned checkpoint differs by more than
${TOLERANCE} nats."""
import json
import pathlib
import sys

import torch
from transformers import ${loader}

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = ${TOLERANCE}


def main(folder, compares):
    windows = json.loads((HERE / "${WINDOWS_FILE}").read_text())["windows"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = ${loader}.from_pretrained(folder, attn_implementation="eager")
    model = model.float().eval().to(device)
    worst, found = 0.0, []
    for number, window in enumerate(windows):
        ids = torch.tensor([window["ids"]], device=device)
        with torch.no_grad():
            logits = model(input_ids=ids, use_cache=False).logits[0, :-1].double()
        nll = torch.nn.functional.cross_entropy(logits, ids[0, 1:]).item()
        found.append(nll)
        worst = max(worst, abs(nll - window["nll"]))
        print(f"window {number}: {nll:.6f} here, {window['nll']:.6f} pruned, in Espalier")
    mean = lambda values: sum(values) / len(values)
    print(f"mean of {len(found)} windows: {mean(found):.6f}")
    print(f"pruned, in Espalier: {mean([w['nll'] for w in windows]):.6f}")
    if all("original" in w for w in windows):
        print(f"original, in Espalier: {mean([w['original'] for w in windows]):.6f}")
    if not compares:
        return 0
    same = worst <= TOLERANCE
    verdict = "the same model" if same else "NOT the same model"
    print(f"largest difference {worst:.2g}: {verdict}")
    return 0 if same else 1


if __name__ == "__main__":
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else HERE.parent, len(sys.argv) == 1))
`;
}
