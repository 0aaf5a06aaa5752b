// Keys and gestures, from the commands themselves, and the terms of the page.

import { COMMANDS } from '../../state/commands.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { keyName } from '../kit/keyName.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

const LIST_KEYS: readonly [string, string][] = [
  ['↑ ↓ Home End', 'move through the blocks'],
  ['Space', 'remove or restore the block'],
  ['Shift+↑ ↓', 'extend the range, as shift-click does'],
  ['L', 'lock or unlock the block'],
  ['→', 'show the sublayers of the block, then go to its lock'],
  ['←', 'go back to the block, then hide its sublayers'],
];

const TERMS: readonly string[] = [
  'Perplexity is exp of the mean negative log-likelihood per token: lower is better. The ' +
    'score of a block is the perplexity of the model without it: a low score means the block ' +
    'can be removed. Error bars are 95 % intervals over the windows, paired with the ' +
    'original. Blocks within noise of each other share a letter.',
  'The sublayers of a block, attention and feed-forward, can be scored and removed on their ' +
    'own. The iterative search removes the block that costs least, scores the rest again, and ' +
    'repeats; a one-shot path removes blocks in the order of one criterion.',
  'By every criterion, low means safe to remove; the Criteria panel says how each is computed. A ' +
    'calibration study shows how far an order depends on its windows.',
  'An evaluation measures original and pruned model on a text that the plan was not chosen ' +
    'on; compare its numbers only with others of the same text, segment length and BOS ' +
    'setting.',
  'Drop a .txt file to score or evaluate on your own text, a block_order.csv to use its ' +
    'order, or an espalier.json onto its source model to restore a plan.',
  'Tokens per second is batch size × new tokens over the time of a whole run, prompt ' +
    'included, as the mean of the runs. TTFT is the time to the first token; decode tok/s ' +
    'counts the tokens after it. A prediction is a line through latencies measured with the ' +
    'same settings on the same device; it is drawn dashed and never mixed with measurements.',
];

export default function HelpDialog() {
  const actions = useActions();
  const singleKeys = useStudio((state) => state.view.singleKeys);
  return (
    <Dialog title="Keyboard and help" onClose={() => actions.openDialog(null)} testId="help-dialog">
      <h3>Anywhere</h3>
      <dl className={kit.facts}>
        {COMMANDS.filter((command) => command.keys.length > 0).map((command) => (
          <div key={command.id} style={{ display: 'contents' }}>
            <dt>
              <kbd>{keyName(command.keys[0]!)}</kbd>
            </dt>
            <dd>{command.label}</dd>
          </div>
        ))}
      </dl>
      <label>
        <input
          type="checkbox"
          checked={singleKeys}
          data-testid="single-keys"
          onChange={() => actions.setSingleKeys(!singleKeys)}
        />{' '}
        Single keys run commands anywhere on the page
      </label>
      <h3>In the block list</h3>
      <dl className={kit.facts}>
        {LIST_KEYS.map(([keys, what]) => (
          <div key={keys} style={{ display: 'contents' }}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h3>Terms</h3>
      {TERMS.map((text) => (
        <p key={text} className={kit.note}>
          {text}
        </p>
      ))}
    </Dialog>
  );
}
