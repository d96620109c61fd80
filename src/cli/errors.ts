import { CommanderError } from 'commander'
import { ConvmarkError, messageOf } from '../errors.ts'
import { inOneLine } from '../plain-text.ts'

export function exitCodeOf(error: unknown): number {
  // What is left of commander's are help and version, asked for or not.
  if (error instanceof CommanderError) return error.code === 'commander.help' ? 2 : error.exitCode
  return error instanceof ConvmarkError ? error.exitCode : 1
}

/** On stderr, in one line; nothing where all is said. */
export function complain(error: unknown): void {
  const message = oneLine(error)
  if (message) process.stderr.write(`convmark: ${message}\n`)
}

/** The message without line breaks; empty where all is said. */
export function oneLine(error: unknown): string {
  if (error instanceof CommanderError) return ''
  // Only what is not our own has lines
  return inOneLine(messageOf(error).replace(/\s*\n\s*/g, ' '))
}
