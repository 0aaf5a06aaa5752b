// Keys and gestures, read from the commands themselves, and what the words mean.

import { COMMANDS } from '../../state/commands.ts';
import { Dialog } from '../kit/Dialog.tsx';
import { keyName } from '../kit/keyName.ts';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';

const LIST_KEYS: readonly [string, string][] = [
  ['↑ ↓ Home End', 'go through the blocks'],
  ['Space', 'keep or remove the block'],
  ['Shift+↑ ↓', 'extend the range; Shift-click does the same'],
  ['L', 'lock or unlock the block'],
  ['→ ←', 'open the parts of the block, go on to the lock; back, and close'],
];

export function HelpDialog() {
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
        Keys without Ctrl work anywhere on the page
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
      <h3>Words</h3>
      <p className={kit.note}>
        Perplexity is exp of the mean negative log-likelihood per token: lower is better. A block's
        score is the perplexity of the model without it: a low score means the block can go. Error
        bars are 95 % intervals over the windows, paired with the intact model. Blocks that the
        windows cannot tell apart share a letter. Attention and feed-forward of a block can be
        scored and removed alone. The iterative search removes the block that costs least, scores
        what is left, and goes on; a one-shot path removes blocks in the order of one criterion.
        Criteria beside perplexity: magnitude (Mag) sums the weights of a block; Block Influence and
        angular distance tell how far a block, or several neighbours, turn the hidden states. Low
        means safe to remove in all of them; a calibration study shows how far an order depends on
        its windows. Drop a .txt file to score or to evaluate on your own text, a block_order.csv to
        use its order, or an espalier.json onto its source model to bring back a plan. An evaluation
        measures original and plan on a text that the plan was not chosen on; its numbers compare
        only with those of the same text, segment length and BOS.
      </p>
      <p className={kit.note}>
        Tokens per second is batch × new tokens over the time of a whole run, prompt included, as
        the mean of the runs; “first token” is the time until the first one is chosen, and decode
        tok/s counts the tokens after it. A prediction is a line through the latencies that were
        measured with the same settings on the same device; it is drawn in dashes and never mixed
        with measurements.
      </p>
    </Dialog>
  );
}
