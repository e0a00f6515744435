// `npm run bench [-- training longevity]`
import { longevity } from './longevity.js'
import { training } from './training.js'

const benches: Record<string, () => Promise<void>> = { training, longevity }
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`bench: expected ${Object.keys(benches).join(' or ')}, got ${unknown.join(', ')}`)
  process.exit(2)
}
for (const name of asked.length > 0 ? asked : ['training']) await benches[name]?.()
