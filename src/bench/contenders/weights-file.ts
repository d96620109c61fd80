// A network's parameters on their way from a comparison to the processes of its engines: a file of raw float32 values,
// one parameter after the other in the network's order. Each process reads it once; in messages they would be copied
// several times.
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConvmarkError, messageOf } from '../../errors.ts'
import { type Network, parametersOf } from '../../networks/network.ts'
import { elementCount } from '../../tensor.ts'
import { sharedBytes } from '../shared-tensors.ts'

const NAME = 'weights.f32'

export interface WeightsFile {
  readonly path: string
  remove(): Promise<void>
}

/** Writes it into a new folder for temporary files. Throws ConvmarkError if that is not possible, for example on a full disk. */
export async function writeWeights(
  network: Network,
  parameters: Readonly<Record<string, Float32Array>>,
): Promise<WeightsFile> {
  const folder = await mkdtemp(join(tmpdir(), 'convmark-compare-')).catch(failed)
  const remove = () => rm(folder, { recursive: true, force: true })
  const path = join(folder, NAME)
  try {
    const file = await open(path, 'wx')
    try {
      for (const name of Object.keys(parametersOf(network))) await file.writeFile(bytesOf(parameters[name]!))
    } finally {
      await file.close()
    }
    return { path, remove }
  } catch (error) {
    await remove()
    return failed(error)
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

function failed(error: unknown): never {
  const what = `the weights could not be written for the engines to read: ${messageOf(error)}`
  throw new ConvmarkError(`${what}; set TMPDIR to a folder with more room`, { cause: error })
}

/** By name, in memory that all threads see. Throws ConvmarkError if the file can't be read or is not of this network. */
export async function readWeights(path: string, network: Network): Promise<Record<string, Float32Array>> {
  const parameters: Record<string, Float32Array> = {}
  const file = await open(path).catch((error: unknown) => {
    throw new ConvmarkError(`the weights could not be read: ${messageOf(error)}`, { cause: error })
  })
  try {
    for (const [name, { shape }] of Object.entries(parametersOf(network))) {
      const values = new Float32Array(sharedBytes(elementCount(shape) * Float32Array.BYTES_PER_ELEMENT))
      const bytes = bytesOf(values)
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at)
        if (bytesRead === 0) throw new ConvmarkError(`${path} ends within '${name}'`)
        at += bytesRead
      }
      parameters[name] = values
    }
  } finally {
    await file.close()
  }
  return parameters
}
