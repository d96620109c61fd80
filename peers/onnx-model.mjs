// A network of convmark's as an ONNX model in memory, weights as initializers.
import protobuf from 'protobufjs'
import { padsOf, pair } from './geometry.mjs'

/** The part of onnx.proto3 that is needed here. */
const SCHEMA = `
  syntax = "proto3";
  package onnx;
  message AttributeProto {
    string name = 1; float f = 2; int64 i = 3; repeated int64 ints = 8; int32 type = 20;
  }
  message NodeProto {
    repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated AttributeProto attribute = 5;
  }
  message TensorProto { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message TensorShapeProto {
    message Dimension { int64 dim_value = 1; }
    repeated Dimension dim = 1;
  }
  message TypeProto {
    message Tensor { int32 elem_type = 1; TensorShapeProto shape = 2; }
    Tensor tensor_type = 1;
  }
  message ValueInfoProto { string name = 1; TypeProto type = 2; }
  message GraphProto {
    repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
  }
  message OperatorSetIdProto { string domain = 1; int64 version = 2; }
  message ModelProto {
    int64 ir_version = 1; string producer_name = 2; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8;
  }`
const ModelProto = protobuf.parse(SCHEMA).root.lookupType('onnx.ModelProto')

const IR_VERSION = 8
const OPSET = 17
const FLOAT = 1
const attributeTypes = { f: 1, i: 2, ints: 7 }

const attribute = (name, field, value) => ({ name, [field]: value, type: attributeTypes[field] })

function windowAttributes(options, resolved) {
  return [
    attribute('kernel_shape', 'ints', pair(options.kernel)),
    attribute('strides', 'ints', pair(options.stride ?? 1)),
    attribute('pads', 'ints', padsOf(options, resolved)),
  ]
}

/** A layer's nodes; the last one's output goes by the layer's name. */
function nodesOf(resolved) {
  const {
    layer: { kind, name, options },
    inputs,
  } = resolved
  if (kind === 'lrn') {
    const size = 2 * options.radius + 1
    const attributes = [
      attribute('size', 'i', size),
      // ONNX divides it by the window, convmark does not.
      attribute('alpha', 'f', options.alpha * size),
      attribute('beta', 'f', options.beta),
      attribute('bias', 'f', options.bias),
    ]
    return [{ name, opType: 'LRN', input: inputs, output: [name], attribute: attributes }]
  }
  const attributes = windowAttributes(options, resolved)
  if (kind === 'max-pool') {
    return [{ name, opType: 'MaxPool', input: inputs, output: [name], attribute: attributes }]
  }
  if (kind !== 'conv') throw new Error(`layer kind '${kind}' is not handled here`)
  const sum = options.activation ? `${name}/sum` : name
  const input = [...inputs, `${name}/weights`, `${name}/biases`]
  const convolution = { name: sum, opType: 'Conv', input, output: [sum], attribute: attributes }
  return sum === name ? [convolution] : [convolution, { name, opType: 'Relu', input: [sum], output: [name] }]
}

/** (height, width, in, out) to (out, in, height, width). */
function toOihw(values, [height, width, inChannels, outChannels]) {
  const result = new Float32Array(values.length)
  let i = 0
  for (let out = 0; out < outChannels; out++) {
    for (let c = 0; c < inChannels; c++) {
      for (let pixel = 0; pixel < height * width; pixel++) {
        result[i++] = values[(pixel * inChannels + c) * outChannels + out]
      }
    }
  }
  return result
}

function initializer(name, shape, values) {
  const [height, width, inChannels, outChannels] = shape
  const isWeights = shape.length === 4
  const { buffer, byteOffset, byteLength } = isWeights ? toOihw(values, shape) : values
  return {
    name,
    dims: isWeights ? [outChannels, inChannels, height, width] : shape,
    dataType: FLOAT,
    rawData: new Uint8Array(buffer, byteOffset, byteLength),
  }
}

function valueInfo(name, batch, [height, width, channels]) {
  const dim = [batch, channels, height, width].map((dimValue) => ({ dimValue }))
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } }
}

/** The network without its loss: images (N, C, H, W) -> the last layer before the loss. */
export function encodeOnnxModel(network, batch, parameters) {
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  const last = layers.at(-1)
  const graph = {
    name: network.name,
    node: layers.flatMap(nodesOf),
    initializer: layers
      .flatMap((layer) => Object.entries(layer.parameters))
      .map(([name, { shape }]) => initializer(name, shape, parameters[name])),
    input: Object.entries(network.inputs).map(([name, shape]) => valueInfo(name, batch, shape)),
    output: [valueInfo(last.layer.name, batch, last.outputShape)],
  }
  const model = {
    irVersion: IR_VERSION,
    producerName: 'convmark',
    graph,
    opsetImport: [{ domain: '', version: OPSET }],
  }
  return ModelProto.encode(ModelProto.fromObject(model)).finish()
}
