// `npm run test:mutation`: how well the unit tests of the pure rooms hold. It changes one expression at a time and runs the
// tests that reach it; a change that no test notices is a survivor.

// The rooms whose files compute and decide: what is changed, and the tests beside it
const ROOMS = {
  // Without what starts processes and workers from dist, in which nothing is changed
  bench: { mutate: ['src/bench/!(*.test).ts'], testFiles: ['src/bench/!(bench).test.ts'] },
  data: { mutate: ['src/data/**/!(*.test).ts'], testFiles: ['src/data/**/*.test.ts'] },
  formats: { mutate: ['src/formats/!(*.test).ts'], testFiles: ['src/formats/*.test.ts'] },
  optimizers: { mutate: ['src/optimizers/!(*.test).ts'], testFiles: ['src/optimizers/*.test.ts'] },
  records: { mutate: ['src/records/!(*.test).ts'], testFiles: ['src/records/*.test.ts'] },
  // What makes its numbers
  report: {
    mutate: ['src/digits.ts', 'src/report/@(classic|confusion|format|outliers|points|roofline).ts'],
    testFiles: ['src/digits.test.ts', 'src/report/*.test.ts'],
  },
  train: { mutate: ['src/train/!(*.test).ts'], testFiles: ['src/train/*.test.ts'] },
}
// `--mutate` replaces what is changed, but not the tests: those of the rooms that it names are enough
const named = Object.entries(ROOMS).filter(([room]) =>
  process.argv.some((text) => text.includes(`src/${room}/`)),
)
const rooms = named.length > 0 ? named.map(([, room]) => room) : Object.values(ROOMS)

export default {
  testRunner: 'vitest',
  // Plugins are installed in this folder, Vitest in the project's
  plugins: [import.meta.resolve('@stryker-mutator/vitest-runner')],
  mutate: rooms.flatMap((room) => room.mutate),
  testFiles: rooms.flatMap((room) => room.testFiles),
  // What runs once, at import (schemas, tables), would need a run of all the tests for each of its mutants; and together with
  // `testFiles` those mutants would all be said to survive (stryker-mutator/stryker-js#6144)
  ignoreStatic: true,
  // Most strings are parts of messages, of which tests ask what they say, not every word
  mutator: { excludedMutations: ['StringLiteral'] },
  // Stryker would read tsconfig.json through TypeScript's old interface, which TypeScript 7 no longer has; there is no such file
  tsconfigFile: 'mutation/tsconfig.json',
  ignorePatterns: ['dist', 'docs', 'peers', 'web', 'mutation'],
  // A second process would share the cores with the first, and slow mutants would end as time-outs
  concurrency: 1,
  timeoutMS: 10_000,
  tempDirName: 'mutation/.stryker-tmp',
  cleanTempDir: 'always',
  reporters: ['clear-text', 'html', 'json'],
  // Which test killed what is in the page
  clearTextReporter: { reportTests: false, allowColor: process.stdout.isTTY === true },
  allowConsoleColors: process.stdout.isTTY === true,
  htmlReporter: { fileName: 'mutation/reports/mutation.html' },
  jsonReporter: { fileName: 'mutation/reports/mutation.json' },
}
