import { execFileSync, spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { shellCommand, shellWord } from './shell.ts'

const WORDS = [
  'digits.safetensors',
  '/srv/my data/digits.safetensors',
  "it's here",
  "'",
  '"quoted"',
  'back\\slash',
  '$HOME `date` $(date)',
  '~/data',
  '~',
  '=ls',
  'a=b',
  '*.jsonl',
  '{a,b}',
  'a;b&c|d<e>f(g)',
  '#comment',
  '!history',
  '-dash',
  '',
  ' ',
  '图片 é',
]

it.skipIf(process.platform === 'win32')('is read back by a shell as it was', () => {
  const printed = execFileSync('sh', ['-c', shellCommand('printf', '%s\\0', ...WORDS)], { encoding: 'utf8' })
  expect(printed.split('\0').slice(0, -1)).toEqual(WORDS)
})

const hasBash = spawnSync('bash', ['--version']).status === 0

it.skipIf(!hasBash)('has no line break, even if the text has', () => {
  const words = [...WORDS, "a\nb's", 'tab\t7', '\u00857\\', 'bell\x07']
  const command = shellCommand('printf', '%s\\0', ...words)
  expect(command).not.toMatch(/\p{Cc}/u)
  const env = { ...process.env, LC_ALL: 'C.UTF-8' }
  const printed = execFileSync('bash', ['-c', command], { encoding: 'utf8', env })
  expect(printed.split('\0').slice(0, -1)).toEqual(words)
})

it('leaves plain words as they are', () => {
  for (const word of ['a.b-c_d/e', 'x64:avx2@2', '5%', 'lrn,dropout', '--rate=1e-3', '.cache'])
    expect(shellWord(word, 'linux')).toBe(word)
})

it('takes double quotes on Windows, which its shells know', () => {
  expect(shellWord('C:\\data\\digits', 'win32')).toBe('C:\\data\\digits')
  expect(shellWord('C:\\Users\\Jane Doe\\data', 'win32')).toBe('"C:\\Users\\Jane Doe\\data"')
  expect(shellWord('C:\\my dir\\', 'win32')).toBe('"C:\\my dir\\\\"') // \" would be a quote
  expect(shellWord('lrn,dropout', 'win32')).toBe('"lrn,dropout"') // an array in PowerShell
  expect(shellWord('@data', 'win32')).toBe('"@data"')
  expect(shellWord('x64:avx2@2', 'win32')).toBe('x64:avx2@2')
})
