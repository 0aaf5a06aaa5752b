// The importance curve of the sample, as a picture for the first page.

import css from './empty.module.css';
import { SAMPLE_CURVE } from './sampleCurve.ts';

const y = (ppl: number) =>
  150 - ((Math.log(Math.min(ppl, 58)) - Math.log(40.5)) / (Math.log(58) - Math.log(40.5))) * 120;
const x = (block: number) => 24 + block * 29;

const LABEL =
  'Importance curve of the sample: block 0 matters most by far, blocks 7 and 9 matter least.';

export function SamplePicture() {
  const points = SAMPLE_CURVE.without
    .map((ppl, block) => `${x(block)},${y(ppl).toFixed(1)}`)
    .join(' ');
  return (
    <figure className={css.figure}>
      <svg viewBox="0 0 484 190" role="img" aria-label={LABEL}>
        <line
          className={css.baseline}
          x1="12"
          x2="472"
          y1={y(SAMPLE_CURVE.baseline)}
          y2={y(SAMPLE_CURVE.baseline)}
        />
        <polyline className={css.line} points={points} />
        {SAMPLE_CURVE.without.map((ppl, block) =>
          ppl > 58 ? (
            <path
              key={x(block)}
              className={css.dot}
              d={`M${x(block) - 6} ${y(ppl) + 2} l6 -10 l6 10 z`}
            />
          ) : (
            <circle key={x(block)} className={css.dot} cx={x(block)} cy={y(ppl)} r="5" />
          ),
        )}
        <text className={css.caption} x={x(0) + 11} y={y(58)}>
          5,886
        </text>
        <text className={css.caption} x="472" y={y(SAMPLE_CURVE.baseline) + 16} textAnchor="end">
          original 41.26
        </text>
        <text className={css.caption} x="24" y="186">
          removed block: 0 to 15
        </text>
      </svg>
      <figcaption>
        The sample, a 3 M parameter Llama of 16 blocks: perplexity without each block.
      </figcaption>
    </figure>
  );
}
