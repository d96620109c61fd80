import { configDefaults, defineConfig } from 'vitest/config'

/**
 * What `npm test` leaves out: `npm run test:slow` has what takes long or packs and installs the package over the network,
 * `npm run test:peers` needs what convmark is compared with, `npm run test:browser` a browser and some time, `npm run test:web`
 * Chromium, for the page.
 */
const APART = { slow: 'test/slow/**', peers: 'test/peers/**', browser: 'test/browser/**', web: 'test/web/**' }
const isApart = (mode: string): mode is keyof typeof APART => Object.hasOwn(APART, mode)

/** What mocks a module has a process of its own: another test may have loaded it. */
const MOCKED = 'src/**/*.mocked.test.ts'
const { exclude } = configDefaults

export default defineConfig(({ mode }) => {
  const whole = isApart(mode)
    ? { include: [`${APART[mode]}/*.test.ts`] }
    : { include: ['test/**/*.test.ts', MOCKED], exclude: [...exclude, ...Object.values(APART)] }
  const unit = { include: ['src/**/*.test.ts'], exclude: [...exclude, MOCKED] }
  return {
    test: {
      // What hangs ends; what is slow on a busy machine does not
      globalSetup: 'test/support/shared-cache.ts',
      testTimeout: 300_000,
      hookTimeout: 300_000,
      pool: 'forks',
      maxWorkers: mode === 'web' ? 1 : 2,
      projects: [
        {
          extends: true,
          // A process for each file: V8's flags are of the whole process, and sessions start threads of their own
          test: { name: 'whole', ...whole },
        },
        // They lie beside what they test, and are all short: a process loads the sources once
        ...(isApart(mode)
          ? []
          : [{ extends: true as const, test: { name: 'unit', isolate: false, ...unit } }]),
      ],
    },
  }
})
