// PyTorch with the channels before height and width, its default layout: faster for some networks.
import { openWith } from './pytorch.mjs'

export const openPeer = openWith('channels first')
