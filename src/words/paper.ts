// The paper whose method Espalier follows.

export const PAPER = {
  short: '“Shortened LLaMA” (Kim et al., 2024)',
  authors: 'Bo-Kyeong Kim et al.',
  title:
    'Shortened LLaMA: Depth Pruning for Large Language Models with Comparison of Retraining Methods',
  year: 2024,
  id: 'arXiv:2402.02834',
  url: 'https://arxiv.org/abs/2402.02834',
} as const;
