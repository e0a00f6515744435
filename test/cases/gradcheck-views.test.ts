// Gradients of views, joins and checkpointing against central differences, first and second order.
import * as q from 'quern'
import { type Case, type F, gradients, shapes, sized, unary } from './gradients.js'

const last = (x: F) => x.ndim - 1
const reversed = (shape: readonly number[]) => [...shape].reverse()

unary('reshape', (x) => x.reshape(reversed(x.shape)))
unary('flatten', (x) => q.flatten(x))
unary('flatten of a part', (x) => (x.ndim > 1 ? q.flatten(x, 0, -2) : q.flatten(x)))
unary('view', (x) => q.contiguous(x).view([1, x.size, 1]))
unary('permute', (x) =>
  q.permute(
    x,
    x.shape.map((_, i) => (i + 1) % x.ndim),
  ),
)
unary('transpose', (x) => (x.ndim > 0 ? q.transpose(x, 0, -1) : x.square()))
unary('squeeze', (x) => q.squeeze(x))
unary('squeeze of one dim', (x) => (x.ndim > 0 ? q.squeeze(x, 0) : x.square()))
unary('unsqueeze', (x) => q.unsqueeze(q.unsqueeze(x, -1), 0))
unary('expand', (x) => q.expand(q.unsqueeze(x, 0), [2, ...x.shape]))
unary('contiguous', (x) => q.contiguous(x))
unary('clone', (x) => q.clone(x))
unary('slice', (x) => (x.ndim > 0 ? q.slice(x, -1, 1) : x.square()))
unary('slice with a step', (x) => (x.ndim > 0 ? q.slice(x, last(x), 0, undefined, 2) : x.square()))
unary('slice from the end', (x) => (x.ndim > 0 ? q.slice(x, 0, -2, -1) : x.square()))
unary('narrow', (x) => (x.ndim > 0 ? q.narrow(x, 0, 0, Math.ceil((x.shape[0] as number) / 2)) : x.square()))
unary('expand of a sum', (x) => (x.ndim > 0 ? q.expand(q.sum(x, { dim: 0, keepdim: true }), x.shape) : x.square()))
unary('stack with itself', (x) => q.stack([x, x.exp()], -1))
unary('checkpoint', (x) => q.checkpoint((t) => t.square().exp(), [x]))

const joins = shapes.filter((shape) => shape.length > 0)
gradients(
  'concat',
  joins.map((shape, i): Case => {
    const dim = i % shape.length
    const other = shape.map((n, d) => (d === dim ? n + 1 : n))
    return [{ dim }, (a, b) => q.concat([a, b, a], dim), ...sized(shape, other)]
  }),
)
gradients(
  'stack',
  shapes.map((shape, i): Case => {
    const dim = i % (shape.length + 1)
    return [{ dim }, (a, b) => q.stack([a, b], dim), ...sized(shape, shape)]
  }),
)
