import { Command } from 'commander'
import { expect, it } from 'vitest'
import { peerNames } from '../bench/contenders/peers.ts'
import { engines } from '../engines/index.ts'
import { networkNamed } from '../networks/index.ts'
import { NETWORK_NAMES, TRAINABLE_NETWORK_NAMES } from '../networks/names.ts'
import { logitsOf } from '../train/logits.ts'
import { addBenchCommand } from './bench.ts'
import { addCompareCommand } from './compare.ts'
import { addEvaluateCommand } from './evaluate.ts'
import { addExportCommand } from './export.ts'
import { addInfoCommand } from './info.ts'
import { addRunCommand } from './run.ts'
import { addTrainCommand } from './train.ts'

const helpOf = (add: (program: Command, onEnd: () => void) => void): string => {
  const program = new Command('convmark')
  add(program, () => {})
  return program.commands[0]!.helpInformation().replace(/\s+/g, ' ')
}

it.each([
  ['bench', addBenchCommand],
  ['compare', addCompareCommand],
  ['run', addRunCommand],
  ['export', addExportCommand],
  ['info', addInfoCommand],
])('the help of %s names every network', (_, add) => {
  for (const name of NETWORK_NAMES) expect(helpOf(add)).toMatch(new RegExp(`[ ,]${name}[,; ]`))
})

it('the help of train names every network that has classes', () => {
  const trainable = NETWORK_NAMES.filter((name) => logitsOf(networkNamed(name)))
  expect([...TRAINABLE_NETWORK_NAMES].sort()).toEqual(trainable.sort())
  for (const name of trainable) expect(helpOf(addTrainCommand)).toMatch(new RegExp(`[ ,]${name}[,; ]`))
})

it.each([
  ['bench', addBenchCommand],
  ['compare', addCompareCommand],
  ['run', addRunCommand],
  ['train', addTrainCommand],
  ['evaluate', addEvaluateCommand],
])('the help of %s names every engine, how tiles are measured anew, and how long at most', (_, add) => {
  const help = helpOf(add)
  for (const name of Object.keys(engines)) expect(help).toMatch(new RegExp(`[ ,]${name}[,;: ]`))
  expect(help).toContain('--retune')
  expect(help).toContain('--tuning-budget <seconds>')
})

it('the help of compare names every peer', () => {
  for (const name of peerNames) expect(helpOf(addCompareCommand)).toMatch(new RegExp(`[ ,]${name}[,; ]`))
})
