#pragma once
#include "batch_norm.reference.h"

namespace quern::reference {

// Every product of a convolution: f(index in y, index in x, index in w), where
//   y[n,oy,ox,o] += x[n, oy·stride - pad + ky·dil, ox·stride - pad + kx·dil, c] · w[o,c,ky,kx]
// with c over the channels of o's group, and x zero outside the image.
template <class Args, class F>
void for_each_product(const Args& p, const F& f) {
  const i64 group_ic = p.ic / p.groups, group_oc = p.oc / p.groups;
  for (i64 n = 0; n < p.n; n++)
    for (i64 oy = 0; oy < p.oh; oy++)
      for (i64 ox = 0; ox < p.ow; ox++)
        for (i64 o = 0; o < p.oc; o++)
          for (i64 ky = 0; ky < p.kh; ky++)
            for (i64 kx = 0; kx < p.kw; kx++) {
              const i64 iy = oy * p.stride_h - p.pad_h + ky * p.dil_h;
              const i64 ix = ox * p.stride_w - p.pad_w + kx * p.dil_w;
              if (iy < 0 || iy >= p.ih || ix < 0 || ix >= p.iw) continue;
              for (i64 c = 0; c < group_ic; c++)
                f(((n * p.oh + oy) * p.ow + ox) * p.oc + o,
                  ((n * p.ih + iy) * p.iw + ix) * p.ic + o / group_oc * group_ic + c,
                  ((o * group_ic + c) * p.kh + ky) * p.kw + kx);
            }
}

// y(n,oh,ow,oc) = conv(x(n,ih,iw,ic), w(oc,ic/groups,kh,kw)) + bias(oc), then max(0, ·) if relu; and its statistics
template <class T>
void conv2d(const args::conv2d<T>& p, Context& context) {
  const i64 count = i64(p.n) * p.oh * p.ow * p.oc;
  for (i64 i = 0; i < count; i++) p.y[i] = p.bias ? p.bias[i % p.oc] : T(0);
  for_each_product(p, [&](i64 y, i64 x, i64 w) { p.y[y] += p.x[x] * p.w[w]; });
  if (p.relu)
    for (i64 i = 0; i < count; i++) p.y[i] = p.y[i] <= 0 ? T(0) : p.y[i];
  if (p.mean)
    batch_norm_stats<T>({p.mean, p.rstd, p.y, p.running, p.running_count, p.n * p.oh * p.ow, p.oc, p.eps, p.momentum},
                        context);
}

// dx = Σ dy · w over the products that x took part in + residual
template <class T>
void conv2d_backward_data(const args::conv2d_backward_data<T>& p, Context&) {
  for (i64 i = 0; i < i64(p.n) * p.ih * p.iw * p.ic; i++) p.dx[i] = T(0);
  for_each_product(p, [&](i64 y, i64 x, i64 w) { p.dx[x] += p.dy[y] * p.w[w]; });
  for (i64 i = 0; p.residual && i < i64(p.n) * p.ih * p.iw * p.ic; i++) p.dx[i] += p.residual[i];
}

// dw = Σ x · dy over the products that w took part in, dbias(oc) = Σ dy; either may be absent
template <class T>
void conv2d_backward_weights(const args::conv2d_backward_weights<T>& p, Context&) {
  if (p.dw) {
    for (i64 i = 0; i < i64(p.oc) * (p.ic / p.groups) * p.kh * p.kw; i++) p.dw[i] = T(0);
    for_each_product(p, [&](i64 y, i64 x, i64 w) { p.dw[w] += p.x[x] * p.dy[y]; });
  }
  if (p.dbias) {
    for (i64 o = 0; o < p.oc; o++) p.dbias[o] = T(0);
    for (i64 i = 0; i < i64(p.n) * p.oh * p.ow * p.oc; i++) p.dbias[i % p.oc] += p.dy[i];
  }
}

}  // namespace quern::reference
