// Puts rows of numbers into the order in which a matrix product reads them.

#ifndef GLUONGAN_PACKING_H_
#define GLUONGAN_PACKING_H_

#include <algorithm>
#include <cstring>

#define INLINE inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 32")

namespace gluongan {

constexpr long kLine = 16;           // floats in a line of the cache
constexpr long kAhead = 16;          // lines from what is packed to what is fetched

// The part of the product that stays in registers: kRows × kColumns, which are kVectors vectors of kLanes floats.
template <int lanes, int rows, int vectors>
struct Tile {
  static constexpr int kLanes = lanes, kRows = rows, kVectors = vectors;
  static constexpr int kColumns = lanes * vectors;
  typedef float Vector __attribute__((vector_size(4 * lanes)));
  typedef int Order __attribute__((vector_size(4 * lanes)));
};

// to[k * step + line] = from[line * stride + k], for k and `lines` lines below kLanes. Each k is written as a whole vector,
// one after the other: what it writes behind its lines, 0, the next one overwrites.
template <class T>
INLINE void transpose(float* to, long step, const float* from, long stride, long lines) {
  using Vector = typename T::Vector;
  typename T::Order low, high;
  Vector x[T::kLanes] = {};
  UNROLLED for (int i = 0; i < T::kLanes; ++i)
    if (i < lines) std::memcpy(&x[i], from + i * stride, sizeof(Vector));
  UNROLLED for (int bit = 1; bit < T::kLanes; bit *= 2) {
    UNROLLED for (int q = 0; q < T::kLanes; ++q) {
      low[q] = q & bit ? T::kLanes + (q ^ bit) : q;
      high[q] = q & bit ? T::kLanes + q : q | bit;
    }
    UNROLLED for (int i = 0; i < T::kLanes; ++i) {
      if (i & bit) continue;
      const Vector one = x[i], other = x[i | bit];
      x[i] = __builtin_shuffle(one, other, low);
      x[i | bit] = __builtin_shuffle(one, other, high);
    }
  }
  UNROLLED for (int k = 0; k < T::kLanes; ++k) std::memcpy(to + k * step, &x[k], sizeof(Vector));
}

// to[k * lines + line] = from[line * along + k * across], for `lines` lines and k < depth.
template <class T, int lines>
INLINE void pack(float* to, const float* from, long along, long across, long depth) {
  constexpr int whole = lines / T::kLanes * T::kLanes, rest = lines - whole;
  long k = 0;
  if (along == 1) {
    for (; k < depth; ++k) {
      // No processor foresees steps as long as a row. A prefetch may lie outside of the matrix.
      for (int line = 0; line < lines; line += kLine) __builtin_prefetch(from + (k + kAhead) * across + line);
      std::memcpy(to + k * lines, from + k * across, lines * sizeof(float));
    }
    return;
  }
  for (; across == 1 && k + T::kLanes <= depth; k += T::kLanes) {
    UNROLLED for (int line = 0; line < whole; line += T::kLanes)
      transpose<T>(to + k * lines + line, lines, from + line * along + k, along, T::kLanes);
    if (rest) transpose<T>(to + k * lines + whole, lines, from + whole * along + k, along, rest);
  }
  for (; k < depth; ++k)
    for (int line = 0; line < lines; ++line) to[k * lines + line] = from[line * along + k * across];
}

// The same for `count` lines out of `lines`, which are whole vectors; the others hold any numbers.
template <class T, int lines>
INLINE void pack_some(float* to, const float* from, long along, long across, long depth, long count) {
  long k = 0;
  // Behind a row of the matrix, its next row begins; the last one is left to the loop below.
  for (; along == 1 && k + 1 < depth && across >= lines; ++k)
    std::memcpy(to + k * lines, from + k * across, lines * sizeof(float));
  for (; across == 1 && k + T::kLanes <= depth; k += T::kLanes)
    for (long line = 0; line < count; line += T::kLanes)
      transpose<T>(to + k * lines + line, lines, from + line * along + k, along, std::min<long>(T::kLanes, count - line));
  for (; k < depth; ++k)
    for (long line = 0; line < lines; ++line)
      to[k * lines + line] = line < count ? from[line * along + k * across] : 0.0f;
}

}  // namespace gluongan

#endif  // GLUONGAN_PACKING_H_
