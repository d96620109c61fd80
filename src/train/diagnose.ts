import type { Engine } from '../engines/engine.ts'
import { ShapeError, UsageError } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { Training } from '../plan/training.ts'
import { openSession, type Session } from '../session.ts'
import { firstNotFinite } from '../tensor.ts'

type Tensors = Readonly<Record<string, Float32Array>>

/**
 * Where numbers stopped being finite, in words: in the inputs, in a parameter, or in the first layer that made one of finite
 * inputs. Runs the same batch once more, every activation kept.
 */
export async function findNotFinite(
  network: Network,
  engine: Engine,
  batch: number,
  given: {
    readonly parameters: Tensors
    readonly inputs: Tensors
    readonly settings: Tensors
    /** Of which its frozen layers do what they do in training. */
    readonly training: Training
  },
): Promise<string> {
  for (const [kind, tensors] of [
    ['the input', given.inputs],
    ['the parameter', given.parameters],
  ] as const) {
    const found = Object.entries(tensors).find(([, values]) => firstNotFinite(values) >= 0)
    if (found) return `${kind} '${found[0]}' is not finite`
  }
  let session: Session
  try {
    const { training } = given
    session = await openSession(network, { batch, pass: 'forward-backward', training, engine, keep: 'all' })
  } catch (error) {
    if (!(error instanceof UsageError) || error instanceof ShapeError) throw error
    return 'there is no memory to run it once more and see in which layer' // a diverged training is the news
  }
  try {
    session.write({ ...given.parameters, ...given.settings })
    await session.run(given.inputs)
    const first = network.layers.find(({ layer }) => firstNotFinite(session.read(layer.name)) >= 0)
    return first
      ? `layer '${first.layer.name}' is the first that is not finite`
      : 'run once more, every layer is finite'
  } finally {
    await session.dispose()
  }
}
