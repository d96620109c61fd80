import { ShapeError } from '../errors.ts'
import { formatShape, type Shape } from '../tensor.ts'

/** The shape of an input whose channels are cut into `groups` of one size. Throws ShapeError if they can't be. */
export function dividedIntoGroups(name: string, groups: number, input: Shape): Shape {
  const channels = input.at(-1) ?? 0
  if (channels === 0 || channels % groups !== 0) {
    throw new ShapeError(
      `${name}: groups ${groups} must divide the ${channels} channels of its input ${formatShape(input)}`,
    )
  }
  return input
}
