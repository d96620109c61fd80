// How long steps probably take, compared with each other: with little time for tuning, the longest are tuned first.
import { FLOAT_BYTES } from '../codegen/program.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'

/** What a core with vectors of 8 floats multiplies and adds while it reads or writes a byte of memory. */
const MULTIPLY_ADDS_PER_BYTE = 4

/**
 * How long the step probably takes, in units of the time for a byte of memory: the longer of its multiply-adds, if it
 * has weights, and of the bytes that it reads and writes. A dense layer of one image takes the time of its bytes.
 */
export function probableCost(step: Step): number {
  return Math.max(multiplyAddsOf(step) / MULTIPLY_ADDS_PER_BYTE, bytesOf(step))
}

/** The groups of steps, by the sum of what their steps probably cost, the largest first. */
export function costliestFirst<Group extends { readonly steps: readonly Step[] }>(
  groups: readonly Group[],
): Group[] {
  const costs = groups.map((group) => ({
    group,
    cost: group.steps.reduce((sum, step) => sum + probableCost(step), 0),
  }))
  return costs.sort((a, b) => b.cost - a.cost).map(({ group }) => group)
}

/** Of all steps that have weights, with the direct algorithm. */
export const multiplyAddsOfAll = (steps: readonly Step[]): number =>
  steps.reduce((sum, step) => sum + multiplyAddsOf(step), 0)

/** Of the direct algorithm; 0 for a step without weights. */
function multiplyAddsOf(step: Step): number {
  const { weights } = step.reads as { readonly weights?: View }
  const { weightsGradient } = step.writes as { readonly weightsGradient?: View }
  const filters = weights ?? weightsGradient
  if (!filters) return 0
  const [, , rows, columns] = filters.shape
  const images = Math.max(...[...readsOf(step), ...writesOf(step)].map(({ shape }) => shape[0]))
  const window = 'geometry' in step.options ? step.options.geometry : null
  // The same for gradients, whose geometry is that of the convolution
  const positions = window ? window.outputHeight * window.outputWidth : 1
  return rows * columns * images * positions
}

const bytesOf = (step: Step): number =>
  [...readsOf(step), ...writesOf(step)].reduce(
    (sum, { shape, imagePitch }) => sum + shape[0] * imagePitch * FLOAT_BYTES,
    0,
  )
