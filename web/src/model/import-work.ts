// Reads the user's file in a worker. The importer is loaded here, when the first file comes.
import type { OnnxRefusal } from 'convmark/formats'
import type { Work } from '../work/serve.ts'
import type { ImageSize, Model } from './model.ts'

export interface ImportRequest {
  readonly file: File
  /** Those that came with it; which of them it needs, it says. */
  readonly beside: readonly File[]
  /** Null: as the file has it. */
  readonly imageSize: ImageSize | null
}

export type ImportEvent =
  | { readonly kind: 'imported'; readonly model: Model }
  /** The file leaves the size of its images open, and none was given. */
  | { readonly kind: 'size' }
  /** A file that it needs is not among those beside it. */
  | { readonly kind: 'data'; readonly missing: string }
  | { readonly kind: 'refused'; readonly refusals: readonly OnnxRefusal[] }

export const importWork: Work<ImportRequest, ImportEvent> = async (request, tell) => {
  const { importOnnx, OpenSizeError, UnsupportedModelError } = await import('convmark/formats')
  const { file, beside, imageSize } = request
  const bytes = new Uint8Array(await file.arrayBuffer())
  const externalData: Record<string, Blob> = {}
  let missing: string | null = null
  try {
    const { network, parameters, notes } = await importOnnx(bytes, {
      ...(imageSize !== null && { imageSize }),
      externalData: async (name, offset, length = Infinity) => {
        const found = beside.find((each) => each.name === baseName(name))
        if (!found) {
          missing = baseName(name)
          throw new Error(`${missing} is missing`)
        }
        externalData[name] = found
        return new Uint8Array(await found.slice(offset, offset + length).arrayBuffer())
      },
    })
    const name = file.name.replace(/\.onnx$/i, '')
    const blobs = Object.entries(parameters).map(([name, values]) => [name, blobOf(values)] as const)
    const model: Model = {
      fileName: file.name,
      byteLength: Object.values(externalData).reduce((sum, { size }) => sum + size, bytes.length),
      // Many exporters give every graph the same name
      network: { ...network, name },
      parameters: Object.fromEntries(blobs),
      notes,
      // As it was read: the user may write another file in its place
      file: blobOf(bytes),
      externalData,
    }
    tell({ kind: 'imported', model })
  } catch (error) {
    if (missing !== null) tell({ kind: 'data', missing })
    else if (error instanceof OpenSizeError) tell({ kind: 'size' })
    else if (error instanceof UnsupportedModelError) tell({ kind: 'refused', refusals: error.refusals })
    else throw error
  }
}

/** Of a path with slashes or backslashes. */
const baseName = (path: string): string => path.split(/[\\/]/).at(-1)!

const blobOf = (values: Uint8Array | Float32Array): Blob => new Blob([values as Uint8Array<ArrayBuffer>])
