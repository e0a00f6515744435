// As small as a network gets: what a step costs beside its arithmetic.
import { nn } from 'quern'

export const mlp = () => new nn.Sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 1))
