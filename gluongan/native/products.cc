// After Goto and van de Geijn 2008 (Anatomy of high-performance matrix multiplication) and Van Zee and van de Geijn
// 2015 (BLIS): blocks of both factors are packed, so that the innermost loop reads them from one end to the other,
// and keeps a tile of the product in registers.
//
// Why not a BLAS: at the shapes of dense networks OpenBLAS 0.3.34 and oneDNN 3.2 are about as fast, MKL takes a tenth
// less time. But they are 25 MB or more to install, have threads of their own, and other bits for other numbers of
// threads.

#include "products.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "curves.h"
#include "packing.h"
#include "pool.h"

namespace gluongan {
namespace {

constexpr long kDepth = 1024;        // of a packed block; shallower ones read and write c more often
constexpr long kSlack = 16;          // floats that packing may write behind a panel
constexpr long kMostTiles = 4;       // side by side, whose columns the second cache holds
constexpr double kAlone = 250000.0;  // terms that one thread adds up sooner than another one wakes
constexpr double kPacking = 16.0;    // terms that are added up while a number is packed

// Some rows of a product. `columns` is the length of a row of c.
struct Product : Multiplication {
  float* packed;  // `a`, one panel of rows after the other
  long panels;

  // The rows are shared out evenly among the panels.
  long first_row(long panel) const { return panel * rows / panels; }
  float* panel_at(long panel) const { return packed + first_row(panel) * inner + panel * kSlack; }
};

// What becomes of a tile's numbers while they are in registers: v + bias[column], and times the slope where that is not
// above 0; or with `outputs`, times the derivative of the function that gave the output at its place.
struct Ending {
  const float* bias;  // null: none
  Activation activation;
  float slope;
  const float* outputs;  // null: none. Its rows lie as far apart as those of the tile.
};

// f'(…) · v, where f(…) = y.
template <class Vector>
INLINE Vector derivative(const Ending& ending, const Vector& y, const Vector& v) {
  if (ending.activation == Activation::kTanh) return v * (1.0f - y * y);
  if (ending.activation == Activation::kSigmoid) return v * (y * (1.0f - y));
  return y > 0 ? v : ending.slope * v;
}

// The columns of b that belong to a tile: packed, or as they lie in b, to be packed on the way.
struct Columns {
  const float* data;
  long step;                // from one row to the next
  float* packed = nullptr;  // null: do not pack them
};

// c (rows × vectors) ← a · b, or c + a · b where it `adds`; with an ending, if there is one.
template <class T, int rows, int vectors, bool packs>
INLINE void tile_product(const float* a, Columns b, long depth, float* c, long stride, bool adds,
                         const Ending* ending) {
  using Vector = typename T::Vector;
  Vector sum[rows][vectors] = {};
  if (adds) {
    UNROLLED for (int i = 0; i < rows; ++i)
      UNROLLED for (int j = 0; j < vectors; ++j)
        std::memcpy(&sum[i][j], c + i * stride + j * T::kLanes, sizeof(Vector));
  }
  for (long k = 0; k < depth; ++k) {
    Vector row[vectors];
    UNROLLED for (int j = 0; j < vectors; ++j) std::memcpy(&row[j], b.data + j * T::kLanes, sizeof(Vector));
    if (packs) {
      UNROLLED for (int j = 0; j < vectors; ++j) {
        __builtin_prefetch(b.data + kAhead * b.step + j * T::kLanes);  // it may lie outside of the matrix
        std::memcpy(b.packed + j * T::kLanes, &row[j], sizeof(Vector));
      }
      b.packed += vectors * T::kLanes;
    }
    UNROLLED for (int i = 0; i < rows; ++i)
      UNROLLED for (int j = 0; j < vectors; ++j) sum[i][j] += a[i] * row[j];
    a += rows;
    b.data += packs ? b.step : vectors * T::kLanes;
  }
  if (ending && ending->bias) {
    Vector bias[vectors];
    UNROLLED for (int j = 0; j < vectors; ++j) std::memcpy(&bias[j], ending->bias + j * T::kLanes, sizeof(Vector));
    UNROLLED for (int i = 0; i < rows; ++i)
      UNROLLED for (int j = 0; j < vectors; ++j) sum[i][j] += bias[j];
  }
  if (ending && ending->outputs) {
    UNROLLED for (int i = 0; i < rows; ++i)
      UNROLLED for (int j = 0; j < vectors; ++j) {
        Vector y;
        std::memcpy(&y, ending->outputs + i * stride + j * T::kLanes, sizeof(Vector));
        sum[i][j] = derivative(*ending, y, sum[i][j]);
      }
  } else if (ending && ending->slope != 1.0f) {
    const float slope = ending->slope;
    UNROLLED for (int i = 0; i < rows; ++i)
      UNROLLED for (int j = 0; j < vectors; ++j) sum[i][j] = sum[i][j] > 0 ? sum[i][j] : slope * sum[i][j];
  }
  UNROLLED for (int i = 0; i < rows; ++i)
    UNROLLED for (int j = 0; j < vectors; ++j)
      std::memcpy(c + i * stride + j * T::kLanes, &sum[i][j], sizeof(Vector));
}

// The functions above for a number of rows that is known only now: from `most` down.
template <class T, int most>
struct Rows {
  static INLINE void pack_lines(long rows, float* to, const float* from, long along, long across, long depth) {
    if (rows == most) return pack<T, most>(to, from, along, across, depth);
    Rows<T, most - 1>::pack_lines(rows, to, from, along, across, depth);
  }
  static INLINE void product(long rows, bool narrow, const float* a, const Columns& b, long depth, float* c,
                             long stride, bool adds, const Ending* ending) {
    if (rows < most) return Rows<T, most - 1>::product(rows, narrow, a, b, depth, c, stride, adds, ending);
    if (narrow) return tile_product<T, most, 1, false>(a, b, depth, c, stride, adds, ending);
    if (b.packed) return tile_product<T, most, T::kVectors, true>(a, b, depth, c, stride, adds, ending);
    tile_product<T, most, T::kVectors, false>(a, b, depth, c, stride, adds, ending);
  }
};

template <class T>
struct Rows<T, 0> {
  static INLINE void pack_lines(long, float*, const float*, long, long, long) {}
  static INLINE void product(long, bool, const float*, const Columns&, long, float*, long, bool, const Ending*) {}
};

// The first 64-byte boundary in a buffer of `size` floats or more.
float* aligned(std::vector<float>& buffer, long size) {
  if (static_cast<long>(buffer.size()) < size + kSlack) buffer.resize(size + kSlack);
  const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
  return buffer.data() + (64 - address % 64) % 64 / sizeof(float);
}

// sums[line] ← the sum of packed[k * lines + line] over k < depth.
template <class T>
INLINE void sum_lines(const float* packed, long lines, long depth, float* sums) {
  constexpr int vectors = (T::kRows + T::kLanes - 1) / T::kLanes;
  typename T::Vector sum[vectors] = {};
  for (long k = 0; k < depth; ++k, packed += lines) {
    typename T::Vector numbers[vectors];
    std::memcpy(numbers, packed, sizeof(numbers));  // behind the lines: numbers that nobody reads
    UNROLLED for (int j = 0; j < vectors; ++j) sum[j] += numbers[j];
  }
  std::memcpy(sums, sum, lines * sizeof(float));
}

template <class T>
INLINE void pack_panel(const Product& p, long panel) {
  const long first = p.first_row(panel), rows = p.first_row(panel + 1) - first;
  for (long k = 0; k < p.inner; k += kDepth) {
    const float* from = p.a.data + first * p.a.row_step + k * p.a.column_step;
    const long depth = std::min(kDepth, p.inner - k);
    Rows<T, T::kRows>::pack_lines(rows, p.panel_at(panel) + k * rows, from, p.a.row_step, p.a.column_step, depth);
  }
  if (p.sums) sum_lines<T>(p.panel_at(panel), rows, p.inner, p.sums + first);
}

// Neighbouring columns of the product, at most one tile wide.
struct Strip {
  long first, width;  // of the columns
  bool narrow;        // one vector wide, not two
  float* packed;      // its columns of b
  const float* bias;

  long lines(long lanes) const { return narrow ? lanes : 2 * lanes; }  // of the packed strip
};

// Packs the strip's part of `depth` rows of b, which begin at `from`.
template <class T>
INLINE void pack_rows(const Matrix& b, const Strip& strip, const float* from, long depth, float* to) {
  from += strip.first * b.column_step;
  if (strip.width == T::kColumns) return pack<T, T::kColumns>(to, from, b.column_step, b.row_step, depth);
  if (strip.width == T::kLanes) return pack<T, T::kLanes>(to, from, b.column_step, b.row_step, depth);
  if (strip.narrow) return pack_some<T, T::kLanes>(to, from, b.column_step, b.row_step, depth, strip.width);
  pack_some<T, T::kColumns>(to, from, b.column_step, b.row_step, depth, strip.width);
}

template <class T>
INLINE void pack_strip(const Product& p, const Strip& strip, long k, long depth) {
  const long before = p.rest ? std::clamp(p.split - k, 0L, depth) : depth;  // the rows that are not in `rest`
  if (before > 0) pack_rows<T>(p.b, strip, p.b.data + k * p.b.row_step, before, strip.packed);
  if (before == depth) return;
  const float* from = p.rest + (k + before - p.split) * p.b.row_step;
  pack_rows<T>(p.b, strip, from, depth - before, strip.packed + before * strip.lines(T::kLanes));
}

// Sigmoid or hyperbolic tangent of the numbers of a tile, each row of which lies `stride` behind the last.
INLINE void activate(Activation activation, float* c, long rows, long width, long stride) {
  for (long i = 0; i < rows; ++i, c += stride) {
    if (activation == Activation::kSigmoid) {
      for (long j = 0; j < width; ++j) c[j] = sigmoid(c[j]);
    } else {
      for (long j = 0; j < width; ++j) c[j] = hyperbolic_tangent(c[j]);
    }
  }
}

// Whether the first tile packs the strip, while it computes.
template <class T>
INLINE bool packs_on_the_way(const Product& p, const Strip& strip) {
  return strip.width == T::kColumns && p.b.column_step == 1 && !p.rest;
}

template <class T>
INLINE void tile_at(const Product& p, long panel, const Strip& strip, long k, long depth) {
  const long first = p.first_row(panel), rows = p.first_row(panel + 1) - first;
  const float* a = p.panel_at(panel) + k * rows;
  const long start = first * p.columns + strip.first;
  float* c = p.c + start;
  const float* outputs = p.finish.outputs ? p.finish.outputs + start : nullptr;
  const bool is_last = k + depth == p.inner;
  const long whole = strip.lines(T::kLanes);
  Columns b{strip.packed, whole};
  if (panel == 0 && packs_on_the_way<T>(p, strip))
    b = {p.b.data + k * p.b.row_step + strip.first, p.b.row_step, strip.packed};
  if (strip.width == whole) {
    const Ending ending{strip.bias, p.finish.activation, p.finish.slope, outputs};
    Rows<T, T::kRows>::product(rows, strip.narrow, a, b, depth, c, p.columns, k > 0,
                               is_last ? &ending : nullptr);
  } else {  // beside the last column, in a tile of its own
    float edge[T::kRows * T::kColumns] = {}, edge_outputs[T::kRows * T::kColumns] = {};
    const size_t size = strip.width * sizeof(float);
    for (long i = 0; k > 0 && i < rows; ++i) std::memcpy(edge + i * whole, c + i * p.columns, size);
    for (long i = 0; outputs && is_last && i < rows; ++i)
      std::memcpy(edge_outputs + i * whole, outputs + i * p.columns, size);
    const Ending ending{strip.bias, p.finish.activation, p.finish.slope, outputs ? edge_outputs : nullptr};
    Rows<T, T::kRows>::product(rows, strip.narrow, a, b, depth, edge, whole, k > 0,
                               is_last ? &ending : nullptr);
    for (long i = 0; i < rows; ++i) std::memcpy(c + i * p.columns, edge + i * whole, size);
  }
  if (is_last && !outputs && p.finish.activation != Activation::kLeaky)
    activate(p.finish.activation, c, rows, strip.width, p.columns);
}

template <class T>
INLINE void compute_columns(const Product& p, long first, long last) {
  static thread_local std::vector<float> buffer;
  float* packed = aligned(buffer, kMostTiles * T::kColumns * kDepth);
  Strip strips[kMostTiles];
  float biases[kMostTiles][T::kColumns] = {};
  long count = 0;
  for (long column = first; column < last; column += T::kColumns, packed += T::kColumns * kDepth) {
    const long width = std::min<long>(T::kColumns, last - column);
    const float* bias = p.finish.bias ? biases[count] : nullptr;
    for (long j = 0; bias && j < width; ++j) biases[count][j] = p.finish.bias[p.finish.shares_bias ? 0 : column + j];
    strips[count++] = {column, width, width <= T::kLanes, packed, bias};
  }
  for (long k = 0; k < p.inner; k += kDepth) {
    const long depth = std::min(kDepth, p.inner - k);
    for (long s = 0; s < count; ++s)
      if (!packs_on_the_way<T>(p, strips[s])) pack_strip<T>(p, strips[s], k, depth);
    for (long panel = 0; panel < p.panels; ++panel)
      for (long s = 0; s < count; ++s) tile_at<T>(p, panel, strips[s], k, depth);
  }
}

// The functions for one set of instructions.
struct Kernel {
  long lanes, rows, columns;
  void (*pack_panel)(const Product& p, long panel);
  void (*compute_columns)(const Product& p, long first, long last);
};

#define KERNEL(NAME, TILE, TARGET)                                                                               \
  TARGET void NAME##_panel(const Product& p, long panel) { pack_panel<TILE>(p, panel); }                         \
  TARGET void NAME##_columns(const Product& p, long first, long last) { compute_columns<TILE>(p, first, last); } \
  constexpr Kernel NAME{TILE::kLanes, TILE::kRows, TILE::kColumns, NAME##_panel, NAME##_columns};

using TileOf16 = Tile<16, 14, 2>;
using TileOf8 = Tile<8, 6, 2>;
using TileOf4 = Tile<4, 6, 2>;

#if defined(__x86_64__)
KERNEL(avx512, TileOf16, __attribute__((target("avx512f,prefer-vector-width=512"))))
KERNEL(avx2, TileOf8, __attribute__((target("avx2,fma"))))
#else
KERNEL(plain, TileOf4, )
#endif

// The fastest of at most so many lanes that this processor can run; null where it has no fused multiply-add.
const Kernel* find_kernel(int most_lanes) {
#if defined(__x86_64__)
  if (most_lanes >= 16 && __builtin_cpu_supports("avx512f")) return &avx512;
  if (most_lanes >= 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &avx2;
  return nullptr;
#else
  return &plain;
#endif
}

const Kernel* kernel = find_kernel(16);

// Computes the columns from `left` up to `right` of some rows, which it packs.
void compute_share(Product p, long left, long right) {
  static thread_local std::vector<float> buffer;
  p.panels = (p.rows + kernel->rows - 1) / kernel->rows;
  p.packed = aligned(buffer, p.rows * p.inner + p.panels * kSlack);
  for (long panel = 0; panel < p.panels; ++panel) kernel->pack_panel(p, panel);
  const long tiles = (right - left + kernel->columns - 1) / kernel->columns;
  const long groups = (tiles + kMostTiles - 1) / kMostTiles;
  for (long group = 0; group < groups; ++group) {
    const long first = left + group * tiles / groups * kernel->columns;
    const long last = left + (group + 1) * tiles / groups * kernel->columns;
    kernel->compute_columns(p, first, std::min(last, right));
  }
}

double terms(const Multiplication& m) { return static_cast<double>(m.rows) * m.columns * m.inner; }

// A multiplication cut into shares, `down` times `across`, one for each thread. Each share packs what it needs for
// itself: to fetch what another core has just packed takes longer.
class Shares {
 public:
  Shares(const Multiplication& whole, long threads) : m_(whole) {
    if (m_.columns == 1 && m_.rows > 1 && !m_.sums && !m_.rest) {  // a row of the same numbers is computed in whole vectors
      m_.a = {whole.b.data, whole.b.column_step, whole.b.row_step};
      m_.b = {whole.a.data, whole.a.column_step, whole.a.row_step};
      std::swap(m_.rows, m_.columns);
      m_.finish.shares_bias = true;
    }
    vectors_ = (m_.columns + kernel->lanes - 1) / kernel->lanes;
    cut(terms(m_) < kAlone ? 1 : threads);
  }

  long count() const { return down_ * across_; }

  void compute(long share) const {
    const long row = share / across_, column = share % across_;
    const long top = row * m_.rows / down_, bottom = (row + 1) * m_.rows / down_;
    const long left = column * vectors_ / across_ * kernel->lanes;
    const long right = (column + 1) * vectors_ / across_ * kernel->lanes;
    Product part{m_, nullptr, 0};
    part.a.data += top * m_.a.row_step;
    part.c += top * m_.columns;
    part.rows = bottom - top;
    if (m_.finish.outputs) part.finish.outputs += top * m_.columns;
    part.sums = m_.sums && column == 0 ? m_.sums + top : nullptr;
    compute_share(part, left, std::min(right, m_.columns));
  }

 private:
  void cut(long threads) {
    double least = std::numeric_limits<double>::infinity();
    for (long down = 1; down <= std::min(threads, m_.rows); ++down) {
      const long across = std::min(threads / down, vectors_);
      const double height = (m_.rows + down - 1) / down;
      const double width = (vectors_ + across - 1) / across * kernel->lanes;
      const double time = height * width + kPacking * (height + width);  // of the largest share, for one step inwards
      if (time >= least) continue;
      least = time;
      down_ = down;
      across_ = across;
    }
  }

  Multiplication m_;
  long vectors_, down_ = 1, across_ = 1;
};

}  // namespace

void multiply(const Multiplication& multiplication) {
  const Shares shares(multiplication, thread_count());
  parallel(shares.count(), [&](long share) { shares.compute(share); });
}

// Half of the threads for each: they pack less than all threads do for one after the other.
void multiply_both(const Multiplication& one, const Multiplication& other) {
  const long threads = thread_count();
  const bool are_alike = terms(one) == terms(other) && terms(one) >= kAlone;
  if (threads % 2 || !are_alike) {
    multiply(one);
    multiply(other);
    return;
  }
  const Shares first(one, threads / 2), second(other, threads / 2);
  parallel(first.count() + second.count(), [&](long share) {
    if (share < first.count()) return first.compute(share);
    second.compute(share - first.count());
  });
}

}  // namespace gluongan

// Uses vectors of at most so many floats (16, 8 or 4) from now on. Returns how many it uses; 0: there is no kernel.
extern "C" int gluongan_use_lanes(int most) {
  const gluongan::Kernel* found = gluongan::find_kernel(most);
  if (found == nullptr) return 0;
  gluongan::kernel = found;
  return static_cast<int>(found->lanes);
}
