import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

let { endOnSignals, endProcess, untilInterrupted, untilToldToEnd } = await import('./interrupt.ts')
let { DivergedError, InterruptedError } = await import('../errors.ts')
const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never)

/** A process's state about signals is in the module, so each test loads its own. */
beforeEach(async () => {
  vi.resetModules()
  const [own, errors] = [await import('./interrupt.ts'), await import('../errors.ts')]
  ;({ endOnSignals, endProcess, untilInterrupted, untilToldToEnd } = own)
  ;({ DivergedError, InterruptedError } = errors)
  endOnSignals()
})
afterEach(() => {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  exit.mockClear()
})

const kill = (signal: NodeJS.Signals) => process.emit(signal, signal)
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))

describe('work that a signal ends', () => {
  it.each<[string, (signal: AbortSignal) => void]>([
    ["with the signal's reason", (signal) => signal.throwIfAborted()],
    [
      'with an error of the platform',
      () => {
        throw Object.assign(new Error('The operation was aborted'), { name: 'AbortError' })
      },
    ],
    [
      'with our error',
      () => {
        throw new InterruptedError('the run was interrupted')
      },
    ],
  ])('%s is interrupted', async (_, end) => {
    const work = untilInterrupted(async (signal) => {
      await untilAborted(signal)
      end(signal)
    })
    kill('SIGTERM')
    await expect(work).rejects.toMatchObject({ name: 'InterruptedError', message: 'interrupted' })
    endProcess(1)
    expect(exit).toHaveBeenCalledWith(143)
  })

  it('says what went wrong meanwhile', async () => {
    const work = untilInterrupted(async (signal) => {
      await untilAborted(signal)
      throw new DivergedError('the loss is NaN')
    })
    kill('SIGINT')
    await expect(work).rejects.toMatchObject({ name: 'DivergedError', message: 'the loss is NaN' })
    endProcess(1)
    expect(exit).toHaveBeenCalledWith(130)
  })

  it('is left behind if it does not end', async () => {
    const work = untilInterrupted(() => new Promise(() => {}), { graceMs: 0 })
    kill('SIGINT')
    await expect(work).rejects.toThrow('interrupted')
  })

  it('may be done all the same; then no other is begun', async () => {
    const first = untilInterrupted(async (signal) => {
      await untilAborted(signal)
      return 7
    })
    kill('SIGTERM')
    expect(await first).toBe(7)
    const second = vi.fn(async () => {})
    await expect(untilInterrupted(second)).rejects.toMatchObject({ name: 'InterruptedError' })
    expect(second).not.toHaveBeenCalled()
  })
})

it('a command that is meant to end with a signal ends as without one, however often it is told', async () => {
  const told = untilToldToEnd()
  kill('SIGINT')
  await told
  kill('SIGINT') // as npm does
  endProcess(0)
  expect(exit).toHaveBeenCalledWith(0)
})
