import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import { type DirectCandidate, directCandidates, directParts } from './direct.ts'
import { argument, type KernelRule, type Part, placeOf, privateArgument, vectorBlocks } from './kernel.ts'
import { stretchesOf } from './stretches.ts'
import { whyNotWinograd, winogradCandidates } from './winograd/candidates.ts'
import type { WinogradCandidate } from './winograd/convolution.ts'
import { forwardSizes, winogradForward } from './winograd/forward.ts'

const PACKED = 0

export const convForward: KernelRule<'conv-forward', DirectCandidate | WinogradCandidate> = {
  candidates: (step, traits) => {
    const { shape, pixelPitch } = step.writes.output
    const vectors = pixelPitch / traits.lanes
    return [
      ...directCandidates(traits, vectors, shape[2]),
      ...winogradCandidates(traits, forwardSizes(step, traits)),
    ]
  },

  whyNot: (step) => whyNotWinograd(step.options.geometry),

  build(step, traits, candidate) {
    if ('points' in candidate) return winogradForward(step, traits, candidate)
    const { geometry: g, activation } = step.options
    const { input, weights, biases, addend } = step.reads
    const { output } = step.writes
    const [images, height, width] = output.shape
    const channels = input.shape[3]
    const rows = g.kernelHeight * g.kernelWidth * channels
    const corner = -g.top * input.rowPitch - g.left * input.pixelPitch

    // Blocks of filters, in the order in which the tile reads them: [block][tap][filter of the block].
    const packing = vectorBlocks(output.pixelPitch / traits.lanes, candidate.vectors).map((block): Part => {
      const blockWidth = block.size * traits.lanes
      const b = new ProgramBuilder(`pack ${step.layer}`, traits.lanes, ['weights', 'packed'])
      const [from, to] = [b.parameter('weights'), b.parameter('packed')]
      b.loop(rows, () => {
        for (let v = 0; v < block.size; v++) b.store(to, v * b.vectorBytes, b.load(from, v * b.vectorBytes))
        b.advance(from, weights.pixelPitch * FLOAT_BYTES)
        b.advance(to, blockWidth * FLOAT_BYTES)
      })
      return {
        program: b.finish(),
        grid: [block.count],
        arguments: {
          weights: argument(weights, block.first * traits.lanes, [blockWidth]),
          packed: privateArgument(PACKED, block.first * traits.lanes * rows, [blockWidth * rows]),
        },
      }
    })

    const parts = directParts(
      traits,
      {
        name: step.layer,
        images,
        rows: stretchesOf(height, g.kernelHeight, g.strideHeight, g.top, g.inputHeight, g.dilationHeight),
        width,
        vectors: output.pixelPitch / traits.lanes,
        kernelHeight: g.kernelHeight,
        kernelWidth: g.kernelWidth,
        channels,
        input: {
          at: (steps) => argument(input, corner, steps),
          image: input.imagePitch,
          row: g.strideHeight * input.rowPitch,
          pixel: g.strideWidth * input.pixelPitch,
          tapRow: g.dilationHeight * input.rowPitch,
          tapPixel: g.dilationWidth * input.pixelPitch,
        },
        weights: (values, steps) => privateArgument(PACKED, values, steps),
        biases: biases ? (values, steps) => argument(biases, values, steps) : null,
        output: placeOf(output),
        addend: addend && placeOf(addend),
        activation,
      },
      candidate,
    )
    return {
      ...candidate,
      privateBuffers: [
        { name: `${step.layer}/weights packed`, length: rows * output.pixelPitch, lifetime: 'parameters' },
      ],
      threadScratch: 0,
      prologue: [{ parts: packing }],
      stages: [{ parts }],
    }
  },
}
