import { CommanderError } from 'commander'
import { ConvmarkError, messageOf } from '../errors.ts'
import { inOneLine } from '../plain-text.ts'

export function exitCodeOf(error: unknown): number {
  // The only CommanderErrors left are help and version, requested or not.
  if (error instanceof CommanderError) return error.code === 'commander.help' ? 2 : error.exitCode
  return error instanceof ConvmarkError ? error.exitCode : 1
}

/** Prints an error on stderr, in one line; nothing if everything has been said. */
export function complain(error: unknown): void {
  const message = oneLine(error)
  if (message) process.stderr.write(`convmark: ${message}\n`)
}

/** The message without line breaks; empty if everything has been said. */
export function oneLine(error: unknown): string {
  if (error instanceof CommanderError) return ''
  // Only errors that are not convmark's own contain line breaks
  return inOneLine(messageOf(error).replace(/\s*\n\s*/g, ' '))
}
