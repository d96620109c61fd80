import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { addBenchCommand } from './bench.ts'
import { addClassifyCommand } from './classify.ts'
import { throwUsageErrors } from './command.ts'
import { addCompareCommand } from './compare.ts'
import { addEmbedCommand } from './embed.ts'
import { complain, exitCodeOf } from './errors.ts'
import { addEvaluateCommand } from './evaluate.ts'
import { addExportCommand } from './export.ts'
import { addGateCommand } from './gate.ts'
import { addInfoCommand } from './info.ts'
import { flushOutput } from './output.ts'
import { addReportCommand } from './report.ts'
import { addRunCommand } from './run.ts'
import { addServeCommand } from './serve.ts'
import { addTrainCommand } from './train.ts'

/** Runs the command that the words name. Returns the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const program = new Command('convmark')
    .description('Convolutional networks in JavaScript at machine speed, and a benchmark that checks first')
    .version(VERSION)
    .configureOutput({ outputError: () => {} }) // errors are thrown, and printed as one line
  throwUsageErrors(program)
  let exitCode = 0
  const onEnd = (code: number): void => {
    exitCode = code
  }
  addBenchCommand(program, onEnd)
  addCompareCommand(program, onEnd)
  addRunCommand(program, onEnd)
  addGateCommand(program, onEnd)
  addInfoCommand(program, onEnd)
  addReportCommand(program, onEnd)
  addExportCommand(program, onEnd)
  addTrainCommand(program, onEnd)
  addEvaluateCommand(program, onEnd)
  addClassifyCommand(program, onEnd)
  addEmbedCommand(program, onEnd)
  addServeCommand(program, onEnd)
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    exitCode = exitCodeOf(error)
    complain(error)
  }
  const outputCode = await flushOutput()
  return exitCode || outputCode
}
