import { expect, it } from 'vitest'
import { networkNamed, parametersOf } from './index.ts'
import { NETWORK_NAMES } from './names.ts'
import { networkData, networkOf } from './network-data.ts'

it.each(NETWORK_NAMES)('%s is the same network behind JSON', (name) => {
  const network = networkNamed(name)
  const again = networkOf(JSON.parse(JSON.stringify(networkData(network))))
  expect(networkData(again)).toEqual(networkData(network))
  expect(parametersOf(again)).toEqual(parametersOf(network))
})
