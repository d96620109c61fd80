// What the page asks of the training's worker, and what it says.

export type TrainRequest =
  | {
      readonly kind: 'train'
      /** The page's folder: where the digits are. */
      readonly base: string
      readonly epochs: number
      readonly rate: number
    }
  /** What a drawing is: bytes (28, 28), 255 where there is ink. */
  | { readonly kind: 'predict'; readonly pixels: Uint8Array }
  | { readonly kind: 'test-digit'; readonly base: string; readonly index: number }
  | { readonly kind: 'save' }
  | { readonly kind: 'open'; readonly name: string; readonly bytes: Uint8Array }

export type TrainingEvent =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'step'; readonly step: number; readonly epoch: number; readonly loss: number }
  /** Of the test digits; `step` is how many updates there were. */
  | { readonly kind: 'accuracy'; readonly step: number; readonly fraction: number }
  /** Of the first layer, (kernel height, kernel width, 1, filters). */
  | { readonly kind: 'filters'; readonly shape: readonly number[]; readonly values: Float32Array }
  /** There is a model that can be asked. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly probabilities: readonly number[] }
  | { readonly kind: 'test-digit'; readonly pixels: Uint8Array; readonly label: number }
  | { readonly kind: 'model'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'not-this-model' }
