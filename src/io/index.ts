// quern/io: files.
export { loadSafetensors, safetensorsMetadata, saveSafetensors } from './safetensors.js'
export {
  encodeSafetensors,
  parseSafetensors,
  type SafetensorsEntry,
  type SafetensorsMetadata,
} from './safetensors-format.js'
