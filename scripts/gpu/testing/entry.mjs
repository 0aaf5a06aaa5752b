// Parts that end in every way, for the tests of the runner; speaks its messages itself.

const { part } = JSON.parse(process.argv[3]);
const found = { figures: { before: { value: 1, unit: 'ms' } } };
process.send({ found }, () => {
  if (part === 'hang') setInterval(() => {}, 1000);
  if (part === 'crash') {
    console.error('last words');
    process.exit(7);
  }
  if (part === 'good') process.send({ ended: null }, () => process.exit(0));
});
