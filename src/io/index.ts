// quern/io: files.
import '../methods.js'

export { writeAtomically } from './atomic.js'
export { loadSafetensors, safetensorsMetadata, saveSafetensors } from './safetensors.js'
export {
  encodeSafetensors,
  parseSafetensors,
  type SafetensorsEntry,
  type SafetensorsMetadata,
} from './safetensors-format.js'
