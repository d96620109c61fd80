// All that the page says, in English. zh.ts says the same in Chinese; the compiler finds what it lacks.
// What the library says (reasons, warnings, errors) is in English in both.

import type { Unseen } from 'convmark/bench'

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

function unseenText({ kind, text, isCoarse }: Unseen): string {
  const advice = isCoarse ? ': use more rounds, on a quieter machine' : ''
  return kind === 'percent'
    ? `; a difference under ${text} could have gone unnoticed${advice}`
    : `, but one of the two may be up to ${text} times as fast and go unnoticed${advice}`
}

export const en = {
  title: 'convmark',
  tagline:
    'Convolutional networks in JavaScript at machine speed, and a benchmark whose numbers can be trusted',
  skip: 'Skip to the contents',
  views: { benchmark: 'Benchmark', compare: 'Compare', explain: 'How it works', train: 'Train' },
  viewsLabel: 'Views',
  language: 'Language',
  theme: 'Colours',
  themes: { system: 'system', light: 'light', dark: 'dark' },
  nothingLeaves: 'Everything is computed in this browser. Nothing leaves this machine.',
  /** Empty: the worker itself was lost. */
  failed: (message: string) =>
    message === ''
      ? 'The page’s worker could not be started, or was lost. Try again, or load the page anew.'
      : `It failed: ${message}`,
  ended: 'It was ended because it did not stop by itself in time; what was measured until then is kept.',
  stop: 'Stop',
  ms: 'ms',

  model: {
    heading: 'Your own model',
    intro:
      'Drop an ONNX file anywhere on this page, or choose one: it becomes the network of Benchmark, Compare and How it works. It is read in this browser; nothing leaves this machine.',
    choose: 'Choose an ONNX file',
    withData: 'If its weights are in a second file, take both together.',
    another: 'Choose another file',
    reading: (name: string) => `Reading ${name}`,
    chosen: 'This is now the network of Benchmark, Compare and How it works. It stays in this browser.',
    own: (name: string) => `${name} (yours)`,
    remove: (name: string) => `Remove ${name}`,
    dismiss: 'Dismiss',
    summary: (megabytes: string, producer: string, layers: number, parameters: string) =>
      `${megabytes} MB; ${producer}; ${plural(layers, 'layer', 'layers')}, ${parameters} parameters`,
    producer: (producer: string, opset: number) =>
      `made by ${producer || 'an unknown program'}, opset ${opset}`,
    facts: {
      inputs: 'Inputs',
      outputs: 'Outputs',
      layers: 'Layers',
      parameters: 'Parameters',
      flops: 'FLOPs an image',
      losses: 'Losses',
      training: 'Training mode',
      remarks: 'Mind',
    },
    fates: {
      heading: 'What became of the file’s nodes',
      layers: 'Layers',
      fused: 'Part of another layer',
      views: 'Only views',
      folded: 'Computed once',
    },
    training: (operators: readonly string[]) =>
      `${operators.join(' and ')}: the file has them as in training. Here forward uses stored statistics and drops nothing; other runtimes may not.`,
    parameters: (trained: string, statistics: string) =>
      statistics === '0' ? trained : `${trained}, and ${statistics} running statistics`,
    losses: (losses: string) => `The file has none; for the passes that go backward: ${losses}.`,
    size: 'Image size',
    sizeHint: '224 or 320 x 512',
    badSize: (most: number) =>
      `One whole number, or height x width, such as 320 x 512; each from 1 to ${most}.`,
    resize: 'Use this size',
    read: 'Read it',
    asksSize: (name: string) => `${name} takes images of any size. Which size shall they have here?`,
    asksData: (name: string, missing: string) =>
      `${name} has its weights in another file, ${missing}. Drop or choose that too.`,
    failed: (name: string, message: string) => `${name} could not be read: ${message}.`,
    refused: (name: string, count: number) =>
      `${name} can’t be used: ${plural(count, 'node has', 'nodes have')} no counterpart among convmark’s layers. Nothing else was changed.`,
    refusedTable: 'All that is not supported',
    operator: 'operator',
    why: 'why',
    nodes: 'nodes',
    faults: {
      'no-model': 'No file of these is an ONNX model: their names end in .onnx.',
      'several-models': 'These are several ONNX files; take one at a time.',
    },
  },

  platform: {
    heading: 'This browser',
    isolation: 'Cross-origin isolated',
    isolated: 'yes: memory can be shared, so threads work',
    notIsolated:
      'no: this page was served without the headers COOP and COEP, so memory can’t be shared. Everything still works, on one thread',
    insecure:
      'no: browsers isolate pages over https or on their own machine only. Everything still works, on one thread',
    threads: 'Threads',
    threadCount: (count: number) => `up to ${count}, the processors that the browser tells of`,
    oneThread: '1, without shared memory',
    simd: 'WASM SIMD',
    hasSimd: 'yes, 128 bits',
    noSimd: 'no: this browser has none, and the wasm engine needs it; the reference engine works, slowly',
    relaxedSimd: 'Relaxed SIMD',
    hasRelaxedSimd: 'yes: products and sums in one instruction (FMA)',
    noRelaxedSimd: 'no: products and sums are two instructions',
    webgpu: 'WebGPU',
    adapter: (name: string) =>
      `${name} (for the libraries that convmark is compared with; it does not use it itself)`,
    noWebGpu: {
      'no-api': 'no: this browser has no navigator.gpu',
      'no-adapter': 'no: the browser has the interface, but found no adapter',
      insecure: 'no: browsers give it to pages over https or on their own machine only',
    },
  },

  settings: {
    heading: 'Settings',
    network: 'Network',
    engine: 'Engine',
    engines: { auto: 'auto', wasm: 'wasm', reference: 'reference (slow)' },
    batch: 'Batch',
    batches: 'Batches',
    burnIn: 'Burn-in',
    pass: 'Pass',
    passes: {
      both: 'both',
      forward: 'Forward',
      'forward-backward': 'Forward-backward',
      train: 'Train',
    },
    threads: 'Threads',
    threadsHint: 'all',
    charts: 'Charts',
    drawn: { live: 'live', after: 'at the end' },
    rounds: 'Rounds',
    runsPerRound: 'Runs in each round',
    bad: (name: string, least: number, most: number) =>
      `${name} must be a whole number from ${least} to ${most}.`,
    memory: (megabytes: number) =>
      `This batch would take about ${megabytes.toLocaleString('en')} MB for its activations alone, more than the 4,096 MB that WASM can have. Take a smaller one.`,
    link: 'Copy a link to these settings',
    linkCopied: 'The link is in the clipboard.',
    linkShown: (link: string) => `The link: ${link}`,
  },

  benchmark: {
    intro:
      'Times a network in this browser as the command line does: every step is a sample, and the engine is checked against float64 before the first one.',
    run: 'Run',
    idle: 'Press Run. The first run measures which code is fastest here; that takes some seconds.',
    phases: {
      tuning: 'Choosing the fastest code',
      check: 'Checking',
      'burn-in': 'Burn-in',
      batches: 'Measuring',
    },
    starting: 'Starting',
    progress: (pass: string, phase: string, done: number, total: number) =>
      `${pass}: ${phase}, ${done} of ${total}`,
    stopping: 'Stopping',
    stopped: (samples: number) => `Stopped. ${plural(samples, 'sample is', 'samples are')} kept.`,
    done: (samples: number) => `Done: ${plural(samples, 'sample', 'samples')}.`,
    activations: 'Activations',
    path: 'Which path ran',
    pathText: (name: string, target: string, threads: number, reason: string) =>
      `${name}, ${target}, ${plural(threads, 'thread', 'threads')}: ${reason}.`,
    chart: 'Every step',
    chartText: (samples: number, latest: string) =>
      `${plural(samples, 'step', 'steps')} so far, the latest ${latest} ms.`,
    above: 'above the axis',
    below: 'below the axis',
    beyondText: (ms: readonly string[]) =>
      `Beyond the axis: ${plural(ms.length, 'step', 'steps')}, ${ms.length > 3 ? `${ms[0]} to ${ms.at(-1)}` : ms.join(', ')} ms.`,
    step: 'step',
    classic: 'The classic lines',
    summary: 'Summary',
    median: 'median, ms',
    interval: '95% interval of the median',
    mean: 'mean ± sd, ms',
    imagesPerSecond: 'images/s',
    gflops: 'GFLOP/s',
    peak: 'peak measured, GFLOP/s',
    peakFraction: 'share of this peak',
    winograd: (multiple: string) => `${multiple} × (Winograd: fewer multiplications than are counted)`,
    samples: 'samples',
    interrupted: 'stopped early',
    check: 'check',
    checkPassed: (error: string, tensor: string, against: string) =>
      `passed: largest relative error ${error} (${tensor}), against ${against}`,
    checkNone: 'not made',
    warnings: 'Mind',
    layers: (pass: string) => `${pass}, layer by layer`,
    forward: 'forward',
    backward: 'backward',
    update: 'update',
    layersText: 'Means over all samples. A longer bar took longer.',
    json: 'Download the result (JSON)',
    html: 'Download the report (HTML)',
    here: 'this browser',
    drop: 'Put a result beside this one',
    dropHint: 'Drop a result file of convmark here, or choose one. The command line writes one with --json.',
    beside: (file: string, processor: string, date: string) => `${file}: ${processor}, ${date}`,
    remove: (file: string) => `Remove ${file}`,
    notCompared:
      'Results of different moments are shown side by side, not compared: Compare lets engines take turns and tells differences from noise.',
  },

  compare: {
    intro:
      'Engines take turns in this browser, in rounds of random order, each in a worker of its own: what slows the machine down for a while slows all. Each is checked first. A sample ends when its result is in memory that the caller can read, also where a graphics processor made it.',
    engines: 'Engines',
    names: {
      'wasm@all': 'convmark wasm (all threads)',
      'wasm@1': 'convmark wasm (one thread)',
      'tfjs-wasm': 'TensorFlow.js (wasm)',
      'tfjs-webgl': 'TensorFlow.js (WebGL)',
      'tfjs-webgpu': 'TensorFlow.js (WebGPU)',
      'onnxruntime-web': 'ONNX Runtime Web (wasm)',
      'onnxruntime-web-webgpu': 'ONNX Runtime Web (WebGPU)',
    },
    run: 'Compare',
    chooseTwo: 'Choose at least two engines.',
    idle: 'Choose engines and press Compare. Each is loaded only now.',
    starting: (engine: string) => `${engine}: loading, checking, burn-in`,
    measuring: 'Measuring',
    done: 'Done.',
    stopped: 'Stopped; what was measured is kept.',
    rounds: (done: number, total: number) => `Round ${done} of ${total}`,
    notCompared: (rounds: number) =>
      rounds > 0 ? `not compared after ${plural(rounds, 'round', 'rounds')}` : 'not compared',
    chart: 'Median of every round',
    chartText: 'A line an engine; lower is faster.',
    round: 'round',
    table: 'All engines, the fastest first',
    engine: 'engine',
    threads: 'threads',
    verdicts: 'Verdicts',
    faster: (engine: string, other: string, ratio: string, low: string, high: string) =>
      `${engine} is ${ratio} times as fast as ${other}, 95% interval ${low} to ${high}.`,
    slower: (engine: string, other: string, ratio: string, low: string, high: string) =>
      `${engine} takes ${ratio} times as long as ${other}, 95% interval ${low} to ${high}.`,
    same: (engine: string, other: string, unseen: Unseen | null) =>
      `${engine} and ${other}: no difference found${unseen ? unseenText(unseen) : ''}.`,
    tooFew: 'It was stopped before there were enough rounds to compare.',
    missing: (packages: readonly string[]) =>
      `it is not on the host that serves this page. In the project in which you start convmark serve: npm i --ignore-scripts ${packages.join(' ')}`,
  },

  explain: {
    intro:
      'AlexNet’s tower of convolutions, layer by layer, with what it makes of a picture. The engine of the benchmark computes it here.',
    picture: 'Picture',
    sample: 'The built-in picture',
    choose: 'Choose a picture',
    dropHint: 'Or drop one here.',
    yours: (name: string) => `Your picture: ${name}`,
    weights:
      'The weights are the benchmark’s: random, untrained. Already so, edges and patches of colour light up in different maps; training only chooses better ones.',
    computing: 'Computing the activations; at first the fastest code for each layer is measured.',
    computed: (ms: string, threads: number) =>
      `Computed in ${ms} ms on ${plural(threads, 'thread', 'threads')}, all layers together.`,
    notAnImage: (name: string) =>
      `${name} is not a picture that this browser can read. PNG, JPEG and WebP work.`,
    input: 'images',
    introOwn: (name: string) => `${name}, layer by layer, with what it makes of a picture.`,
    inputText: (height: number, width: number, channels: number) =>
      `The picture, its middle scaled to ${height} × ${width} points ${channels === 1 ? 'of grey' : 'of red, green and blue'}.`,
    weightsOwn:
      'The weights are the file’s. It does not say which values it was trained to take: choose them here.',
    scale: 'Values of a point',
    scales: {
      imagenet: 'ImageNet’s mean and deviation',
      '0-1': '0 to 1',
      '-1-1': '-1 to 1',
      '0-255': '0 to 255',
      small: '-0.5 to 0.5',
    },
    order: 'Colours',
    orders: { rgb: 'red, green, blue', bgr: 'blue, green, red' },
    noPicture:
      'This network takes no picture: that needs one input, and 1 or 3 channels. So its layers are shown without maps.',
    largest: (layer: string, all: number, largest: string) =>
      `The largest of the ${plural(all, 'value', 'values')} of ${layer}, each with its index: ${largest}`,
    shape: (from: string, to: string) => `${from} becomes ${to}: height × width × channels`,
    parameters: (count: string) => `${count} parameters`,
    flops: (count: string) => `${count} FLOPs a picture`,
    maps: (layer: string, shown: number, all: number) =>
      `Feature maps of ${layer}: the first ${shown} of ${all} channels; lighter is more`,
    layers: {
      conv: (filters: number, kernel: string, channels: number, stride: number) =>
        `${filters} filters of ${kernel} × ${channels} slide over their input${stride > 1 ? ` in steps of ${stride}` : ''}; each looks for one pattern and draws a map of where it is.`,
      lrn: (size: number) =>
        `Local response normalization: a value is divided by how strong its neighbours are in ${size} channels around it, so that one loud channel damps the others.`,
      'max-pool': (kernel: string, stride: number) =>
        `Of each window of ${kernel} only the largest value stays, in steps of ${stride}: the maps shrink, and a pattern may move a little without a change.`,
      other: (kind: string) => `A layer of the kind ${kind}.`,
    },
    relu: 'ReLU then sets what is negative to 0.',
    activation: (kind: string) => `Then ${kind} is applied to each value.`,
    kinds: {
      add: 'The sum of its inputs, value by value.',
      multiply: 'The product of its inputs, value by value.',
      concat: 'Its inputs one after the other: their channels, or their rows, columns or pixels.',
      'batch-norm': 'Batch normalization: each channel is shifted and scaled by what was learned of it.',
      dense: 'Each output is a sum of all inputs, each with a weight of its own.',
      'average-pool': 'The mean of each window.',
      relu: 'What is negative becomes 0.',
      softmax: 'The channels of each point become shares that add up to 1.',
      dropout: 'It does something in training alone.',
    } as Readonly<Record<string, string>>,
    remarks: {
      conv1: 'It sees the colours themselves. Steps of 4 make it cheap: a sixteenth of the places.',
      conv2: 'It combines what conv1 found into corners, textures and stripes.',
      conv3: 'It has the most channels: 384 maps.',
      conv4:
        'It has the most parameters. Each point of its small maps has seen 131 × 131 points of the picture.',
      conv5: 'The last convolution: in a trained network these maps stand for parts of things.',
      pool5: 'What is left is what a classifier’s dense layers would read.',
    } as Readonly<Record<string, string>>,
  },

  train: {
    intro:
      'A small network, LeNet, learns handwritten digits in this browser, with the library’s train(). Then draw one yourself.',
    data: (train: string, test: string) =>
      `${train} digits to learn from and ${test} to test with, the first of each part of MNIST (Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0).`,
    epochs: 'Epochs',
    rate: 'Learning rate',
    run: 'Train',
    again: 'Train on',
    loading: 'Loading the digits',
    idle: 'Press Train. It takes about half a minute.',
    epoch: (epoch: number, epochs: number) => `Epoch ${epoch} of ${epochs}`,
    progress: (step: number) => `Step ${step}.`,
    badRate: 'The learning rate must be a number over 0, at most 1.',
    stoppedEarly: 'Stopped before the first step.',
    lost: 'It was ended because it did not stop by itself in time; what was learned is lost.',
    tested: (accuracy: string) => `${accuracy} of the test digits are right.`,
    done: (accuracy: string) => `Trained: ${accuracy} of the test digits are right.`,
    stopped: (step: number) => `Stopped after step ${step}; what was learned is kept.`,
    loss: 'Loss',
    lossText: (loss: string) => `Loss of every step; the latest ${loss}.`,
    accuracy: 'Accuracy on the test digits',
    accuracyText: (accuracy: string) => `Share of the test digits that are right; the latest ${accuracy}.`,
    step: 'step',
    filters: 'Filters of the first layer',
    filtersText: (count: number, size: string) =>
      `${count} filters of ${size}, as they form; lighter is more.`,
    draw: 'Draw a digit',
    drawHint: 'Draw with the mouse or a finger. By keyboard: take a test digit instead.',
    clear: 'Clear',
    takeTestDigit: 'Take a test digit',
    canvas: 'Drawing of a digit',
    untrained: 'Train first, or open a model: then the network says what it sees.',
    asking: 'The network looks at it.',
    nothingDrawn: 'Nothing is drawn yet.',
    sees: (digit: number, probability: string) => `It sees a ${digit} (${probability}).`,
    label: (digit: number) => `The test set says it is a ${digit}.`,
    probabilities: 'Probabilities',
    model: 'The model',
    save: 'Save the model (safetensors)',
    open: 'Open a model',
    opened: (name: string) => `${name} is open.`,
    notThisModel: (name: string) =>
      `${name} is a model, but not of 28 × 28 grey digits in ten classes; this page draws those.`,
  },

  chooseFile: 'Choose a file',
  table: 'As a table',
} as const

/** The same in another language: the same names, any words. */
export type Texts = Widened<typeof en>
type Widened<T> = T extends string
  ? string
  : T extends (...parameters: infer P) => string
    ? (...parameters: P) => string
    : { readonly [K in keyof T]: Widened<T[K]> }
