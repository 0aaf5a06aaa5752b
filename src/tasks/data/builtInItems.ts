// The small set of questions that comes with Espalier: four in the form of each task, written for
// it, in the public domain.

/** Passage, question, answer. */
export const BOOLQ: readonly (readonly [passage: string, question: string, answer: boolean])[] = [
  [
    'Ice floats on water because it is less dense than the liquid. When a lake freezes, the ice ' +
      'stays on top and fish live below it.',
    'does ice sink to the bottom of a lake',
    false,
  ],
  [
    'A candle needs air to burn. When a glass is put over the flame, the air is soon used up and ' +
      'the flame goes out.',
    'will a candle go out under a glass',
    true,
  ],
  [
    'Wool comes from sheep. It is shorn in spring, washed, and spun into thread.',
    'is wool taken from fish',
    false,
  ],
  [
    'Iron left in the rain turns brown and weak. Paint keeps the rain away from the iron.',
    'does paint help to keep iron from rust',
    true,
  ],
];

/** A question or the beginning of a sentence, its choices, the index of the right one. */
export type Item = readonly [text: string, choices: readonly string[], target: number];

export const PIQA: readonly Item[] = [
  [
    'To keep soup warm on a walk,',
    ['pour it into a flask with a lid.', 'pour it into a paper bag with a hole.'],
    0,
  ],
  ['How do you dry a wet coat?', ['Fold it and put it in a drawer.', 'Hang it near the stove.'], 1],
  [
    'To stop a door from squeaking,',
    ['put a little oil on the hinges.', 'put a little sugar on the window.'],
    0,
  ],
  ['How do you cut bread evenly?', ['Use a spoon.', 'Use a long knife with teeth.'], 1],
];

/** Activity, what happens, how the next sentence begins, endings, the index of the right one. */
export const HELLASWAG: readonly (readonly [
  activity: string,
  a: string,
  b: string,
  endings: readonly string[],
  target: number,
])[] = [
  [
    'Baking bread',
    'A woman mixes flour and water in a bowl.',
    'she',
    [
      'kneads the dough and lets it rest.',
      'throws the bowl out of the window.',
      'puts on her skis and leaves.',
      'paints the bowl green.',
    ],
    0,
  ],
  [
    'Riding a horse',
    'A man leads a horse out of the stable.',
    'he',
    [
      'eats the saddle.',
      'puts a saddle on the horse and mounts.',
      'sails away on the horse.',
      'folds the horse and packs it.',
    ],
    1,
  ],
  [
    'Sewing',
    'A tailor threads a needle and bends over a coat.',
    'the tailor',
    ['swims.', 'barks at the moon.', 'sews on a button.', 'harvests wheat.'],
    2,
  ],
  [
    'Sledding',
    'Two children pull a sled up a hill in the snow.',
    'at the top they',
    ['melt.', 'mow the grass.', 'pick ripe apples.', 'sit down and slide to the bottom.'],
    3,
  ],
];

/** A sentence with a gap, and what may fill it. */
export const WINOGRANDE: readonly Item[] = [
  ['The cup did not fit in the box because the _ was too large.', ['cup', 'box'], 0],
  ['Anna lent her coat to Marie because _ was cold.', ['Anna', 'Marie'], 1],
  ['The boat was faster than the raft, so the _ arrived first.', ['boat', 'raft'], 0],
  ['The lamp outshone the candle because the _ was dim.', ['lamp', 'candle'], 1],
];

export const ARC_EASY: readonly Item[] = [
  ['Which of these is used to see far away?', ['a telescope', 'a spoon', 'a blanket', 'a bell'], 0],
  ['What do plants need to grow?', ['darkness', 'light and water', 'a hat', 'music'], 1],
  [
    'What happens to water when it boils?',
    ['It turns to stone.', 'It turns to wood.', 'It turns to steam.'],
    2,
  ],
  ['Which of these floats on water?', ['a stone', 'a nail', 'a coin', 'a cork', 'a brick'], 3],
];

export const ARC_CHALLENGE: readonly Item[] = [
  [
    'A metal spoon in hot soup soon feels hot. Which word names this?',
    ['conduction', 'erosion', 'orbit', 'growth'],
    0,
  ],
  [
    'Why do we see lightning before we hear thunder?',
    [
      'Sound is faster than light.',
      'Light is faster than sound.',
      'Thunder is older.',
      'Clouds hold the sound back.',
    ],
    1,
  ],
  [
    'Which change can be undone most easily?',
    ['burning wood', 'baking a cake', 'freezing water', 'rusting iron', 'frying an egg'],
    2,
  ],
  [
    'What is the best way to find out which soil is better for beans?',
    ['Ask the beans.', 'Weigh the soils.', 'Read a poem.', 'Plant beans in both and compare.'],
    3,
  ],
];

export const OPENBOOKQA: readonly Item[] = [
  [
    'A bird builds a nest in order to',
    ['keep its eggs safe', 'be in the house', 'count the clouds', 'melt the snow'],
    0,
  ],
  [
    'The lake froze because',
    ['a boat sank', 'the air was very cold', 'the fish were asleep', 'the moon was full'],
    1,
  ],
  [
    'A shadow is longest',
    ['at high noon in June', 'in a dark limestone cave', 'in the evening', 'under thick clouds'],
    2,
  ],
  ['The sound of a bell cannot travel through', ['the parish', 'water', 'iron', 'empty space'], 3],
];
