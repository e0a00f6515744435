// Elementwise ops with broadcasting. One loop per kind and layout of a row: both operands contiguous, one of them a
// single value, or any strides.
#include "elementwise_values.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

// An operand of a row: contiguous, or one value. Whole vectors may be read: see read_slack.
struct Contiguous {
  Stream stream;
  QUERN_INLINE vf operator()(i64 i, int) const { return stream(i); }
};
struct Single {
  vf value;
  explicit Single(const float* p) : value(set1(*p)) {}
  QUERN_INLINE vf operator()(i64, int) const { return value; }
};
struct Strided {
  const float* p;
  i64 stride;
  QUERN_INLINE vf operator()(i64 i, int n) const { return gather(p + i * stride, stride, n); }
};

template <class F>
QUERN_INLINE void map_row(float* out, i64 n, const F& value) {
  for (i64 i = 0; i < n; i += W) {
    const int lanes = static_cast<int>(min<i64>(W, n - i));
    const vf v = value(i, lanes);
    if (lanes == W)
      store(out + i, v);
    else
      store_first(out + i, v, lanes);
  }
}
template <class F>
QUERN_INLINE void map_strided(float* out, i64 stride, i64 n, const F& value) {
  for (i64 i = 0; i < n; i += W) {
    const int lanes = static_cast<int>(min<i64>(W, n - i));
    scatter(out + i * stride, stride, value(i, lanes), lanes);
  }
}

// How far ahead of a row of n elements its operands are fetched: they lie behind one another where all is one row.
template <int N>
QUERN_INLINE i64 ahead_of(const Nest<N>& nest, i64 at, i64 n) {
  return nest.rank == 1 && at + n + far_ahead <= nest.size ? far_ahead : 0;
}

template <Unary kind>
void unary_rows(float* out, const float* x, const Nest<2>& nest, Context& context) {
  const i64 so = nest.inner_stride(0), sx = nest.inner_stride(1);
  for_rows(context, nest, [&](const i64* at, i64 n) {
    float* o = out + at[0];
    const float* p = x + at[1];
    const i64 ahead = ahead_of(nest, at[0], n);
    if (so == 1 && sx == 1)
      map_row(o, n, [stream = Stream{p, ahead}](i64 i, int) { return unary_value<kind>(stream(i)); });
    else
      map_strided(o, so, n, [&](i64 i, int lanes) { return unary_value<kind>(gather(p + i * sx, sx, lanes)); });
  });
}

void unary_dispatch(Unary kind, float* out, const float* x, const Nest<2>& nest, Context& context) {
  switch (kind) {
#define QUERN_UNARY(name) \
  case Unary::name:       \
    return unary_rows<Unary::name>(out, x, nest, context);
#include "../ops.def"
  }
}

template <Binary kind>
void binary_rows(float* out, const float* a, const float* b, const Nest<3>& nest, Context& context) {
  const i64 so = nest.inner_stride(0), sa = nest.inner_stride(1), sb = nest.inner_stride(2);
  const auto row = [](float* o, i64 n, const auto& left, const auto& right) {
    map_row(o, n, [&](i64 i, int lanes) { return binary_value<kind>(left(i, lanes), right(i, lanes)); });
  };
  for_rows(context, nest, [&](const i64* at, i64 n) {
    float* o = out + at[0];
    const float *p = a + at[1], *q = b + at[2];
    const i64 ahead = ahead_of(nest, at[0], n);
    if (so == 1 && sa == 1 && sb == 1) return row(o, n, Contiguous{{p, ahead}}, Contiguous{{q, ahead}});
    if (so == 1 && sa == 1 && sb == 0) return row(o, n, Contiguous{{p, ahead}}, Single(q));
    if (so == 1 && sa == 0 && sb == 1) return row(o, n, Single(p), Contiguous{{q, ahead}});
    map_strided(o, so, n, [&](i64 i, int lanes) {
      return binary_value<kind>(gather(p + i * sa, sa, lanes), gather(q + i * sb, sb, lanes));
    });
  });
}

void binary_dispatch(Binary kind, float* out, const float* a, const float* b, const Nest<3>& nest, Context& context) {
  switch (kind) {
#define QUERN_BINARY(name) \
  case Binary::name:       \
    return binary_rows<Binary::name>(out, a, b, nest, context);
#include "../ops.def"
  }
}

template <Compare kind>
void compare_rows(u8* out, const float* a, const float* b, const Nest<3>& nest, Context& context) {
  const i64 so = nest.inner_stride(0), sa = nest.inner_stride(1), sb = nest.inner_stride(2);
  const auto row = [so](u8* o, i64 n, const auto& left, const auto& right) {
    for (i64 i = 0; i < n; i += W) {
      const int lanes = static_cast<int>(min<i64>(W, n - i));
      const vi mask = compare_value<kind>(left(i, lanes), right(i, lanes));
      if (so == 1)
        store_bytes(o + i, mask & 1, lanes);
      else
        for (int k = 0; k < lanes; k++) o[(i + k) * so] = mask[k] != 0;
    }
  };
  for_rows(context, nest, [&](const i64* at, i64 n) {
    const float *p = a + at[1], *q = b + at[2];
    const i64 ahead = ahead_of(nest, at[0], n);
    if (sa == 1 && sb == 1) return row(out + at[0], n, Contiguous{{p, ahead}}, Contiguous{{q, ahead}});
    if (sa == 1 && sb == 0) return row(out + at[0], n, Contiguous{{p, ahead}}, Single(q));
    row(out + at[0], n, Strided{p, sa}, Strided{q, sb});
  });
}

}  // namespace

void unary(const args::unary<float>& u, Context& context) {
  unary_dispatch(static_cast<Unary>(u.kind), u.out, u.x, make_nest<2>(u.layout, u.rank), context);
}

void binary(const args::binary<float>& b, Context& context) {
  binary_dispatch(static_cast<Binary>(b.kind), b.out, b.a, b.b, make_nest<3>(b.layout, b.rank), context);
}

void add_relu(const args::add_relu<float>& r, Context& context) {
  for_chunks(context, r.n, [&](i64 begin, i64 end) {
    const i64 ahead = end + far_ahead <= r.n ? far_ahead : 0;
    const Stream a{r.a + begin, ahead}, b{r.b + begin, ahead};
    if (r.sum)
      map_row(r.y + begin, end - begin, [&, sum = r.sum + begin](i64 i, int lanes) {
        const vf s = a(i) + b(i);
        store_lanes(sum + i, s, lanes);
        return max_or_b(vf{}, s);
      });
    else
      map_row(r.y + begin, end - begin, [&](i64 i, int) { return max_or_b(vf{}, a(i) + b(i)); });
  });
}

// A binary op whose other operand is broadcast from the number.
void scalar(const args::scalar<float>& s, Context& context) {
  const Nest<2> x = make_nest<2>(s.layout, s.rank);
  const auto kind = static_cast<Binary>(s.kind);
  if (kind == Binary::pow && !s.reversed) {
    if (s.value == 2) return unary_dispatch(Unary::square, s.out, s.x, x, context);
    if (s.value == -1) return unary_dispatch(Unary::reciprocal, s.out, s.x, x, context);
  }
  const float value = static_cast<float>(s.value);
  Nest<3> nest{x.rank, x.size, {}, {}};
  for (int d = 0; d < x.rank; d++) {
    nest.shape[d] = x.shape[d];
    nest.stride[0][d] = x.stride[0][d];
    nest.stride[s.reversed ? 2 : 1][d] = x.stride[1][d];
    nest.stride[s.reversed ? 1 : 2][d] = 0;
  }
  binary_dispatch(kind, s.out, s.reversed ? &value : s.x, s.reversed ? s.x : &value, nest, context);
}

void compare(const args::compare<float>& c, Context& context) {
  const Nest<3> nest = make_nest<3>(c.layout, c.rank);
  switch (static_cast<Compare>(c.kind)) {
#define QUERN_COMPARE(name) \
  case Compare::name:       \
    return compare_rows<Compare::name>(c.out, c.a, c.b, nest, context);
#include "../ops.def"
  }
}

void where(const args::where<float>& w, Context& context) {
  const Nest<4> nest = make_nest<4>(w.layout, w.rank);
  const i64 so = nest.inner_stride(0), sc = nest.inner_stride(1), sa = nest.inner_stride(2), sb = nest.inner_stride(3);
  for_rows(context, nest, [&](const i64* at, i64 n) {
    float* o = w.out + at[0];
    const u8* c = w.condition + at[1];
    const float *a = w.a + at[2], *b = w.b + at[3];
    const auto row = [&](const auto& left, const auto& right) {
      map_row(o, n, [&](i64 i, int lanes) { return select(load_bytes(c + i) != 0, left(i, lanes), right(i, lanes)); });
    };
    if (so != 1 || sc != 1 || (sa | 1) != 1 || (sb | 1) != 1 || (sa == 0 && sb == 0))
      for (i64 i = 0; i < n; i++) o[i * so] = c[i * sc] ? a[i * sa] : b[i * sb];
    else if (sa == 0)
      row(Single(a), Contiguous{{b, 0}});
    else if (sb == 0)
      row(Contiguous{{a, 0}}, Single(b));
    else
      row(Contiguous{{a, 0}}, Contiguous{{b, 0}});
  });
}

void clamp(const args::clamp<float>& c, Context& context) {
  const vf low = set1(static_cast<float>(c.low)), high = set1(static_cast<float>(c.high));
  for_chunks(context, c.n, [&](i64 begin, i64 end) {
    map_row(c.out + begin, end - begin,
            [&](i64 i, int) { return min_or_b(high, max_or_b(low, load(c.x + begin + i))); });
  });
}

}  // namespace quern::QUERN_ISA
