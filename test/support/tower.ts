import { expect } from 'vitest'
import { built } from './built.ts'
import { type GoldenName, goldenCase } from './goldens.ts'

const { openSession } = await built<typeof import('../../src/index.ts')>('index.js')

/** Runs a golden's tower, by one algorithm, and compares activations, loss and gradients with PyTorch's. */
export async function agreesWithTower(name: GoldenName, algorithm: 'direct' | 'winograd'): Promise<void> {
  const golden = goldenCase(name)
  const session = await openSession(golden.network, {
    batch: golden.batch,
    pass: 'forward-backward',
    engine: 'wasm',
    algorithm,
    keep: 'printed',
  })
  try {
    const convolutions = session.steps.filter(({ step }) => step.kind === 'conv-forward')
    expect(new Set(convolutions.map((step) => step.algorithm))).toEqual(new Set([algorithm]))
    session.write(golden.parameters as never)
    await session.run({ images: golden.images } as never)
    for (const tensor of Object.keys(golden.expected)) {
      // Of 490,000 values some lie so near zero that ReLU decides otherwise, and gradients are off by 1e-3 or more. For
      // direct's error these seeds have none such; for Winograd's they have. Its steps are compared one by one elsewhere.
      const [activation, gradient] = algorithm === 'direct' ? [5e-6, 2e-5] : [2e-5, 1e-2]
      const tolerance = tensor.endsWith('.gradient') ? gradient : activation
      expect(golden.compare(tensor, session.read(tensor as never)), tensor).toBeLessThan(tolerance)
    }
  } finally {
    await session.dispose()
  }
}
