import { configDefaults, defineConfig } from 'vitest/config'

/**
 * What `npm test` leaves out: `npm run test:slow` packs and installs the package over the network, `npm run test:peers` needs
 * what convmark is compared with, `npm run test:browser` a browser and some time (test/browser.test.ts is the short one),
 * `npm run test:web` Chromium, for the page.
 */
const APART = { slow: 'test/slow/**', peers: 'test/peers/**', browser: 'test/browser/**', web: 'test/web/**' }
const isApart = (mode: string): mode is keyof typeof APART => Object.hasOwn(APART, mode)

export default defineConfig(({ mode }) => ({
  test: {
    ...(isApart(mode)
      ? { include: [`${APART[mode]}/*.test.ts`] }
      : {
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...Object.values(APART)],
        }),
    // What hangs ends; what is slow on a busy machine does not
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: 'test/support/shared-cache.ts',
    // A process for each file: V8 flags are process-wide, and sessions start threads of their own
    pool: 'forks',
    maxWorkers: mode === 'web' ? 1 : 2,
  },
}))
