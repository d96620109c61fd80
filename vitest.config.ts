import { configDefaults, defineConfig } from 'vitest/config'

// `npm test` leaves out test/slow, which packs and installs the package over the network: `npm run test:slow`
export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'slow' ? ['test/slow/**/*.test.ts'] : ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: mode === 'slow' ? configDefaults.exclude : [...configDefaults.exclude, 'test/slow/**'],
    testTimeout: mode === 'slow' ? 300_000 : 60_000,
    hookTimeout: mode === 'slow' ? 300_000 : 60_000,
    // A process for each file: V8 flags are process-wide, and sessions start threads of their own
    pool: 'forks',
    maxWorkers: 2,
  },
}))
