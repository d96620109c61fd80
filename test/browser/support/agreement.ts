import { expect } from 'vitest'
import { relativeError } from '../../support/finite-differences.ts'
import { jobs, type Results, type Tensors, type Trained } from '../page/jobs.js'

const TOLERANCE = 1e-5
/** Each step's errors are in the next one's parameters. */
const TRAINED_TOLERANCE = 1e-4

function expectTensors(found: Tensors, truth: Tensors, tolerance: number): void {
  expect(Object.keys(found)).toEqual(Object.keys(truth))
  for (const [name, values] of Object.entries(truth)) {
    expect(found[name], name).toHaveLength(values.length)
    expect(relativeError(found[name]!, values), name).toBeLessThan(tolerance)
  }
}

/** The page's results must agree with those of the reference in Node. */
export async function expectReferenceResults({ tensors }: Results, pass: string): Promise<void> {
  const truth = await jobs.results({ pass, engine: 'reference' })
  expectTensors(tensors, truth.tensors, TOLERANCE)
}

export async function expectReferenceTraining(found: Trained, epochs: number): Promise<void> {
  const truth = await jobs.training({ epochs, engine: 'reference' })
  expectTensors({ losses: found.losses }, { losses: truth.losses }, TRAINED_TOLERANCE)
  expectTensors(found.parameters, truth.parameters, TRAINED_TOLERANCE)
}
