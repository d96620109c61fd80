// convmark itself: beside this folder, or where CONVMARK_DIST says, since the peers may be in the user's cache folder.
const dist = process.env.CONVMARK_DIST ?? new URL('../dist/', import.meta.url).href

export const convmark = await import(new URL('index.js', dist))
export const bench = await import(new URL('bench/index.js', dist))
export const formats = await import(new URL('formats/index.js', dist))
export const layers = await import(new URL('layers/index.js', dist))
export const networks = await import(new URL('networks/index.js', dist))
/** Its plain loops, in float64. */
export const { optimizerOf } = await import(new URL('optimizers/index.js', dist))
export const { denseGrid, transposedImages } = await import(new URL('tensor.js', dist))
export const { BENCHMARK_DECAY } = await import(new URL('plan/training.js', dist))
export const { resizeTaps } = await import(new URL('layers/resize.js', dist))
export const { readWeights } = await import(new URL('bench/contenders/weights-file.js', dist))
/** The table of peers. */
export const { peers } = await import(new URL('bench/contenders/peers.js', dist))
