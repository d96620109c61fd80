import type { Command, CommanderError } from 'commander'
import { UsageError, unknownName } from '../errors.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import { isPositiveInteger } from '../tensor.ts'

/** Receives the exit code of a command's action. */
export type OnEnd = (exitCode: number) => void

/** Adds a command to the program; wrong arguments are thrown as UsageError. */
export function addCommand(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description)
  throwUsageErrors(command)
  return command
}

export function throwUsageErrors(command: Command): void {
  command.exitOverride((error) => {
    throw error.exitCode === 0 || error.code === 'commander.help' ? error : usageError(error, command)
  })
}

function usageError(error: CommanderError, command: Command): UsageError {
  const [, name = ''] = /'([^']*)'/.exec(error.message) ?? []
  if (error.code === 'commander.unknownOption') {
    const options = command.options.map(({ long, short }) => long ?? short ?? '')
    return new UsageError(unknownName('option', name, [...options, '--help']))
  }
  if (error.code === 'commander.unknownCommand') {
    return new UsageError(
      unknownName(
        'command',
        name,
        command.commands.map((subcommand) => subcommand.name()),
      ),
    )
  }
  return new UsageError(error.message.replace(/^error: /, ''))
}

/** All specs of `engines`; @ and a number of threads may follow. */
export const ENGINE_SPECS =
  'auto, x64, x64:avx512, x64:avx2, wasm, wasm:revectorized, reference; wasm@1: on one thread'

/** For every command that opens one engine. */
export const ENGINE = ['--engine <spec>', ENGINE_SPECS, 'auto'] as const

/** For every command that opens a data set: the sources of `openDataset`, in short. */
export const DATA = [
  '--data <source>',
  'mnist, cifar10:<folder>, folder:<dir>, idx:<files>, synthetic',
] as const

/** For every command that opens an engine. */
export const RETUNE = ['--retune', 'measure tiles again and replace the cached ones'] as const

/** Parses an option's value; throws UsageError that names the option, the value and what is allowed. */
export function positiveInteger(option: string): (text: string) => number {
  return integer(option, 1, 'a positive integer')
}

/** Parses `224` or, as height and width, `320x512`. */
export function imageSize(text: string): ImageSize {
  const extents = text.split(/[x×]/i).map((extent) => (/^\d+$/.test(extent) ? Number(extent) : 0))
  const [height, width = height] = extents
  if (extents.length > 2 || !extents.every(isPositiveInteger))
    throw new UsageError(
      `--image-size is '${text}'; it must be a positive integer, or height and width such as 320x512`,
    )
  return height === width ? height! : [height!, width!]
}

/** For every command that opens a network. */
export const IMAGE_SIZE = [
  '--image-size <size>',
  "224, or height and width of a file's images as 320x512; the network's own by default",
  imageSize,
] as const

/** For every command that opens a network. */
export const WEIGHTS = [
  '--weights <file>',
  "its parameters, safetensors: in convmark's names, or a named network's in torchvision's or timm's; a network's file has its own",
] as const

/** For every command that opens a network of an ONNX file. */
export const OUTPUTS = [
  '--outputs <names>',
  'where an ONNX file is cut: a,b; its own outputs by default',
  (text: string): readonly string[] => text.split(',').map((name) => name.trim()),
] as const

export function integerFromZero(option: string): (text: string) => number {
  return integer(option, 0, 'an integer from 0')
}

function integer(option: string, min: number, allowed: string): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new UsageError(`${option} is '${text}'; it must be ${allowed}`)
  }
}

export function oneOf<Name extends string>(option: string, allowed: readonly Name[]): (text: string) => Name {
  return (text) => {
    const found = allowed.find((name) => name === text)
    if (found === undefined) throw new UsageError(unknownName(`value of ${option}`, text, allowed))
    return found
  }
}

/**
 * A number of at least `least`, or above it with `isOver`, and below `below` if that is given. The limits apply to its
 * value in float32, in which engines compute: 1e39 is infinite there, and 1e-50 is 0.
 */
export function float32From(
  option: string,
  least: number,
  { isOver = false, below = Infinity }: { readonly isOver?: boolean; readonly below?: number } = {},
): (text: string) => number {
  const from = `${isOver ? 'over' : 'from'} ${least}`
  const allowed = below < Infinity ? `a number ${from} to below ${below}` : `a finite number ${from}`
  const isIn = (value: number): boolean => value < below && (isOver ? value > least : value >= least)
  return (text) => {
    const value = Number(text)
    const inFloat32 = Math.fround(value)
    if (text.trim() !== '' && isIn(inFloat32)) return value
    const why = isIn(value) ? `, but in float32 it is ${inFloat32}` : ''
    throw new UsageError(`${option} is '${text}'; it must be ${allowed}${why}`)
  }
}
