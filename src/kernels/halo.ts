import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import { type Step, writesOf } from '../plan/steps.ts'
import { hasHalo, type View } from '../plan/views.ts'
import { writeZeros } from './copy.ts'
import { argument, type Implementation, type Part, type TargetTraits } from './kernel.ts'

/**
 * Adds to a kernel's stages the zeros of the halos that its step must write, so that no kernel deals with halos. They
 * are tasks of the step, since the memory held other values before it.
 */
export function withHalos(built: Implementation, step: Step, traits: TargetTraits): Implementation {
  const halos = writesOf(step).flatMap((view) => haloParts(traits, view))
  const last = built.stages.at(-1)
  if (!last || halos.length === 0) return built
  return { ...built, stages: [...built.stages.slice(0, -1), { parts: [...last.parts, ...halos] }] }
}

/** Tasks that write the zeros around each image; none if the tensor has no halo. */
function haloParts(traits: TargetTraits, view: View): Part[] {
  if (!hasHalo(view.halo)) return []
  const { halo, rowPitch, pixelPitch, shape } = view
  const b = new ProgramBuilder(`halo of ${view.tensor}`, traits.lanes, ['image'])
  const image = b.parameter('image')
  // The right halo of one row and the left halo of the next are contiguous.
  const between = (halo.right + halo.left) * pixelPitch
  writeZeros(b, image, halo.top * rowPitch + halo.left * pixelPitch)
  b.loop(shape[1] - 1, () => {
    b.advance(image, shape[2] * pixelPitch * FLOAT_BYTES)
    writeZeros(b, image, between)
  })
  b.advance(image, shape[2] * pixelPitch * FLOAT_BYTES)
  writeZeros(b, image, halo.right * pixelPitch + halo.bottom * rowPitch)
  const first = -halo.top * rowPitch - halo.left * pixelPitch
  return [
    { program: b.finish(), grid: [shape[0]], arguments: { image: argument(view, first, [view.imagePitch]) } },
  ]
}
