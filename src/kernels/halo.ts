import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import { type Step, writesOf } from '../plan/steps.ts'
import { hasHalo, type View } from '../plan/views.ts'
import { writeZeros } from './copy.ts'
import { argument, type Implementation, type Part, type TargetTraits } from './kernel.ts'

/**
 * What a kernel builds, and the halos of what its step writes: no kernel knows of them. They are tasks of the step, since the
 * memory held other values before it.
 */
export function withHalos(built: Implementation, step: Step, traits: TargetTraits): Implementation {
  const halos = writesOf(step).flatMap((view) => haloParts(traits, view))
  const last = built.stages.at(-1)
  if (!last || halos.length === 0) return built
  return { ...built, stages: [...built.stages.slice(0, -1), { parts: [...last.parts, ...halos] }] }
}

/** The zeros around each image. None where the tensor has no halo. */
function haloParts(traits: TargetTraits, view: View): Part[] {
  if (!hasHalo(view.halo)) return []
  const { halo, rowPitch, pixelPitch, shape } = view
  const b = new ProgramBuilder(`halo of ${view.tensor}`, traits.lanes, ['image'])
  const image = b.parameter('image')
  // The end of one row and the beginning of the next lie side by side.
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
