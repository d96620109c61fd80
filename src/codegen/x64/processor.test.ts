import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { missing } from '../../../test/support/x64.ts'
import { missingFor, type ProcessorRegisters } from './processor.ts'

const FMA = 1 << 12
const AVX = 1 << 28
const AVX2 = 1 << 5
const AVX512F = 1 << 16
const SAVES_AVX = 0b111
const SAVES_AVX512 = 0b1110_0111

const registers = (ecx: number, ebx: number, xcr0: number): ProcessorRegisters => ({
  leaf1: { ecx },
  leaf7: { ebx },
  xcr0,
})

describe('what a target lacks', () => {
  it.each([
    ['all there is', FMA | AVX, AVX2 | AVX512F, SAVES_AVX512, [], []],
    ['no AVX-512', FMA | AVX, AVX2, SAVES_AVX, [], ['the processor has no AVX-512F']],
    [
      'AVX-512 that the system does not save',
      FMA | AVX,
      AVX2 | AVX512F,
      SAVES_AVX,
      [],
      ['the system does not save the AVX-512 registers (XCR0 is 0x7)'],
    ],
    [
      'AVX-512 of which the system saves the masks alone',
      FMA | AVX,
      AVX2 | AVX512F,
      0b0010_0111,
      [],
      ['the system does not save the AVX-512 registers (XCR0 is 0x27)'],
    ],
    [
      'a system that saves no wide registers',
      FMA | AVX,
      AVX2,
      0,
      ['the system does not save the AVX registers (XCR0 is 0x0)'],
      ['the processor has no AVX-512F'],
    ],
    [
      'an old processor',
      AVX,
      0,
      SAVES_AVX,
      ['the processor has no FMA', 'the processor has no AVX2'],
      ['the processor has no FMA', 'the processor has no AVX2', 'the processor has no AVX-512F'],
    ],
  ])('%s', (_what, ecx, ebx, xcr0, avx2, avx512) => {
    expect(missingFor('avx2', registers(ecx, ebx, xcr0))).toEqual(avx2)
    expect(missingFor('avx512', registers(ecx, ebx, xcr0))).toEqual(avx512)
  })

  // The system hides features that it does not support, so both must agree with its own list.
  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'agrees with /proc/cpuinfo (skipped without x86-64)',
    () => {
      const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
      const has = (flag: string) => flags.split(' ').includes(flag)
      expect(missing('avx2') === null).toBe(has('avx2') && has('fma'))
      expect(missing('avx512') === null).toBe(has('avx512f'))
    },
  )
})
