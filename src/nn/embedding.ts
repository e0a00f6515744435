import { checkInteger, checkOptions } from '../ops/check.js'
import { empty } from '../ops/create.js'
import { checkPaddingIdx, embedding } from '../ops/indexing.js'
import { narrow } from '../ops/view.js'
import type { Tensor } from '../tensor.js'
import { constant_, normal_ } from './init.js'
import { Module, parameter } from './module.js'

export interface EmbeddingLayerOptions {
  /** The row of this index starts as zeros and gets no gradient; from the end if negative. */
  paddingIdx?: number
}

/** A table of numEmbeddings vectors, looked up by int32 index: (…) to (…,embeddingDim); weight starts as N(0, 1). */
export class Embedding extends Module {
  readonly weight: Tensor
  readonly paddingIdx: number | undefined

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingLayerOptions = {},
  ) {
    super()
    checkOptions('Embedding', options)
    checkInteger('Embedding', 'numEmbeddings', numEmbeddings, 0)
    checkInteger('Embedding', 'embeddingDim', embeddingDim, 0)
    this.paddingIdx = checkPaddingIdx('Embedding', options.paddingIdx, numEmbeddings)
    const weight = normal_(empty([numEmbeddings, embeddingDim]))
    if (this.paddingIdx !== undefined) {
      const row = narrow(weight, 0, this.paddingIdx, 1)
      constant_(row, 0)
      row.dispose()
    }
    this.weight = parameter(weight)
  }

  forward(index: Tensor<'int32'>): Tensor {
    return embedding(index, this.weight, { paddingIdx: this.paddingIdx })
  }
}
