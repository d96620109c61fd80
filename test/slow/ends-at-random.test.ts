import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { commandsIn } from '../support/command.ts'
import { signalsCaught, until } from '../support/processes.ts'
import { runnable } from '../support/x64.ts'

// Whatever is ended, at whatever moment: the process lives on, or ends as it was told to. One crash in a hundred is a fault.

const TIMES = 100
/** All of them run side by side, on a machine that may be busy. */
const LIMIT_MS = 1_200_000
const engines = ['wasm', ...(runnable.length > 0 ? ['x64'] : [])]

describe.each(engines)('%s', (engine) => {
  it.concurrent.each(['opening', 'running', 'disposing', 'checking', 'training'])(
    `survives ${TIMES} ends of %s at random moments`,
    async (what) => {
      const cache = mkdtempSync(join(tmpdir(), 'convmark-'))
      const script = new URL('../support/end-at-random.mjs', import.meta.url).pathname
      const { stdout } = await promisify(execFile)(process.execPath, [script, what, engine, String(TIMES)], {
        env: { ...process.env, CONVMARK_CACHE: cache },
      })
      const counts = JSON.parse(stdout) as Record<string, number>
      rmSync(cache, { recursive: true })
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(TIMES)
      if (what === 'opening') expect(counts.aborted).toBeGreaterThan(0)
    },
    LIMIT_MS,
  )

  it.concurrent.each([
    ['SIGINT', 130, ['bench', 'lenet', '--json', '-', '--no-check']],
    ['SIGTERM', 143, ['train', 'lenet', '--data', 'synthetic']],
  ] as const)(
    `ends as told by ${TIMES} %ss at random moments`,
    async (signal, expected, command) => {
      const ends = new Set<number | string | null>()
      for (let i = 0; i < TIMES; i++) {
        const folder = mkdtempSync(join(tmpdir(), 'convmark-')) // its cache is empty: it tunes
        const words = [...command, '--batch', '4', '--engine', engine]
        const { child, ended } = commandsIn(folder)(words, { CONVMARK_CACHE: folder })
        // Before our handlers are there, the signal ends the process itself. Node has its own for the others
        if (process.platform === 'linux') await until(() => signalsCaught(child.pid!).includes('SIGHUP'))
        else await new Promise((resolve) => setTimeout(resolve, 1000))
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 900))
        child.kill(signal)
        const { code } = await ended
        ends.add(code ?? child.signalCode)
        rmSync(folder, { recursive: true })
      }
      expect([...ends]).toEqual([expected])
    },
    LIMIT_MS,
  )
})
