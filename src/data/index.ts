// quern/data: datasets and how training gets batches of them.
import '../methods.js'

export { type Dataset, randomSplit, Subset, TensorDataset } from './dataset.js'
export * as datasets from './datasets.js'
export { type IdxArray, readIdx } from './idx.js'
export { ImageDataset, type ImageDatasetOptions, type Normalization } from './images.js'
export { DataLoader, type DataLoaderOptions, type DataLoaderState, type Transform } from './loader.js'
