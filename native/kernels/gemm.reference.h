#pragma once
#include "reference.h"

namespace quern::reference {

// out(batch,m,n) = a(batch,m,k) · b(batch,k,n) + bias(n), then max(0, ·) if relu, which leaves NaN alone
template <class T>
void matmul(const args::matmul<T>& p, Context&) {
  for (i64 batch = 0; batch < p.batch; batch++) {
    T* out = p.out + batch * p.out_batch_stride;
    const T* a = p.a + batch * p.a_batch_stride;
    const T* b = p.b + batch * p.b_batch_stride;
    for (i64 i = 0; i < p.m; i++)
      for (i64 j = 0; j < p.n; j++) {
        T sum = p.bias ? p.bias[j] : T(0);
        for (i64 k = 0; k < p.k; k++)
          sum += a[i * p.a_row_stride + k * p.a_col_stride] * b[k * p.b_row_stride + j * p.b_col_stride];
        out[i * p.n + j] = p.relu && sum <= 0 ? T(0) : sum;
      }
  }
}

}  // namespace quern::reference
