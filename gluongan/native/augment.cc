// Pictures changed for a discriminator: recoloured, moved and partly cut out, each by numbers of its own.
//
// x and y (N, …) are float32; the first values of each sample are a picture, (C, H, W) with the sizes in `shape`, and
// what follows, such as a label, stays as it is. `numbers` (N, …) has for each picture, where `color`, `moves` and
// `cuts` are 1:
//   brightness b, saturation s and contrast c: v ← c (s v + (1 - s) m) + (1 - c) M + b, with m for the mean of the
//     channels there and M for the mean of the picture;
//   how far down and how far right it is moved, and 1 if it is mirrored then; grey comes in;
//   the first row and the row behind the last of a hole, which is grey, and its columns.
// Backward: the same steps transposed. The gradient of `numbers` is 0.
// The bits depend neither on the number of threads nor on the processor.

#include "mxnet/lib_api.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "attributes.h"
#include "inference.h"
#include "pool.h"

using namespace mxnet::ext;

namespace {

using gluongan::Attributes;
using gluongan::is_true;
using gluongan::text_of;
using Tensors = std::vector<MXTensor>;

#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))

constexpr float kGrey = 0.5f;
constexpr long kColors = 3, kMoves = 3, kEdges = 4;
constexpr int kLanes = 16;  // sums that are added up side by side, on every processor

struct Shape {
  long channels, height, width;

  explicit Shape(const Attributes& attributes) : channels(0), height(0), width(0) {
    std::istringstream stream(text_of(attributes, "shape", ""));
    char comma;
    stream >> channels >> comma >> height >> comma >> width;
  }

  long pixels() const { return height * width; }
  long values() const { return channels * pixels(); }
};

struct Augment {
  Shape shape;
  bool color, moves, cuts;

  explicit Augment(const Attributes& attributes)
      : shape(attributes), color(is_true(attributes, "color", false)), moves(is_true(attributes, "moves", false)),
        cuts(is_true(attributes, "cuts", false)) {}

  long numbers() const { return color * kColors + moves * kMoves + cuts * kEdges; }
};

// From `first` to `last`, which does not belong to it.
struct Span {
  long first, last;

  // Of places in [0, size), whatever the numbers are.
  static Span within(long size, float first, float last) {
    const auto place = [size](float number) { return static_cast<long>(std::clamp<float>(number, 0, size)); };
    return {place(first), std::max(place(first), place(last))};
  }

  bool has(long place) const { return first <= place && place < last; }
};

// Where the pixels of a picture go.
struct Moves {
  long width, down, right;
  bool is_mirrored;
  Span rows, columns, hole_rows, hole_columns;  // of y; rows and columns: that come from x

  Moves(const Augment& augment, const float* numbers) : width(augment.shape.width) {
    const long height = augment.shape.height;
    static constexpr float kNone[kEdges] = {};
    const float* const moves = augment.moves ? numbers : kNone;
    const float* const edges = augment.cuts ? numbers + augment.moves * kMoves : kNone;
    const auto distance = [](float number, long side) { return static_cast<long>(std::clamp<float>(number, -side, side)); };
    down = distance(moves[0], height);
    right = distance(moves[1], width);
    is_mirrored = moves[2] != 0;
    rows = {std::max(0L, down), std::min(height, height + down)};
    columns = {std::max(0L, right), std::min(width, width + right)};
    if (is_mirrored) columns = {width - columns.last, width - columns.first};
    hole_rows = Span::within(height, edges[0], edges[1]);
    hole_columns = Span::within(width, edges[2], edges[3]);
  }

  // The row and the column of x that a row and a column of y in `rows` and `columns` come from.
  long row_of(long row) const { return row - down; }
  long column_of(long column) const { return (is_mirrored ? width - 1 - column : column) - right; }
};

FOR_EVERY_PROCESSOR
float sum(const float* from, long count) {
  float lanes[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += from[i + lane];
  float total = 0;
  for (; i < count; ++i) total += from[i];
  for (const float lane : lanes) total += lane;
  return total;
}

// to ← own · from + mixed · the sum of the channels + added, at each pixel. sums: room for a channel.
FOR_EVERY_PROCESSOR
void mix(const float* from, float* __restrict to, float* __restrict sums, const Shape& shape, float own, float mixed,
         float added) {
  const long pixels = shape.pixels();
  std::copy(from, from + pixels, sums);
  for (long channel = 1; channel < shape.channels; ++channel)
    for (long i = 0; i < pixels; ++i) sums[i] += from[channel * pixels + i];
  for (long i = 0; i < pixels; ++i) sums[i] = mixed * sums[i] + added;
  for (long channel = 0; channel < shape.channels; ++channel)
    for (long i = 0; i < pixels; ++i) to[channel * pixels + i] = own * from[channel * pixels + i] + sums[i];
}

// The matrix of the channels is symmetric, so its transpose, for a gradient, differs only in what is not of the pixel.
void recolour(const Shape& shape, const float* colors, const float* from, float* to, float* sums, bool is_gradient) {
  const float brightness = colors[0], saturation = colors[1], contrast = colors[2];
  const float mean = sum(from, shape.values()) / static_cast<float>(shape.values());
  const float mixed = contrast * (1.0f - saturation) / static_cast<float>(shape.channels);
  const float added = (1.0f - contrast) * mean + (is_gradient ? 0.0f : brightness);
  mix(from, to, sums, shape, contrast * saturation, mixed, added);
}

void move_row(const Moves& moves, const float* from, float* to) {
  const auto [first, last] = moves.columns;
  if (moves.is_mirrored) {
    std::reverse_copy(from + moves.column_of(last - 1), from + moves.column_of(first) + 1, to + first);
  } else {
    std::copy(from + moves.column_of(first), from + moves.column_of(first) + last - first, to + first);
  }
}

void move(const Shape& shape, const Moves& moves, const float* from, float* to) {
  for (long channel = 0; channel < shape.channels; ++channel, from += shape.pixels()) {
    for (long row = 0; row < shape.height; ++row, to += shape.width) {
      std::fill(to, to + shape.width, kGrey);
      if (moves.rows.has(row) && moves.columns.first < moves.columns.last)
        move_row(moves, from + moves.row_of(row) * shape.width, to);
      if (moves.hole_rows.has(row)) std::fill(to + moves.hole_columns.first, to + moves.hole_columns.last, kGrey);
    }
  }
}

void move_back(const Shape& shape, const Moves& moves, const float* gradient, float* to) {
  std::fill(to, to + shape.values(), 0.0f);
  for (long channel = 0; channel < shape.channels; ++channel, to += shape.pixels(), gradient += shape.pixels()) {
    for (long row = moves.rows.first; row < moves.rows.last; ++row) {
      const float* const from = gradient + row * shape.width;
      float* const to_row = to + moves.row_of(row) * shape.width;
      const bool has_hole = moves.hole_rows.has(row);
      for (long column = moves.columns.first; column < moves.columns.last; ++column) {
        const bool is_cut = has_hole && moves.hole_columns.has(column);
        to_row[moves.column_of(column)] = is_cut ? 0.0f : from[column];
      }
    }
  }
}

// Room for a picture and a channel: for what is not the result yet, of the calling thread.
float* buffer(const Shape& shape) {
  static thread_local std::vector<float> numbers;
  numbers.resize(std::max<size_t>(numbers.size(), shape.values() + shape.pixels()));
  return numbers.data();
}

void change(const Augment& augment, const float* numbers, const float* x, float* y) {
  const Shape& shape = augment.shape;
  float* const between = buffer(shape);
  float* const sums = between + shape.values();
  const bool is_moved = augment.moves || augment.cuts;
  if (augment.color) {
    recolour(shape, numbers, x, is_moved ? between : y, sums, false);
    x = between;
  }
  if (is_moved) move(shape, Moves(augment, numbers + augment.color * kColors), x, y);
}

void change_back(const Augment& augment, const float* numbers, const float* gradient, float* to) {
  const Shape& shape = augment.shape;
  float* const between = buffer(shape);
  float* const sums = between + shape.values();
  if (augment.moves || augment.cuts) {
    float* const moved = augment.color ? between : to;
    move_back(shape, Moves(augment, numbers + augment.color * kColors), gradient, moved);
    gradient = moved;
  }
  if (augment.color) recolour(shape, numbers, gradient, to, sums, true);
}

// Calls change(augment, numbers, from, to) for each picture, and copies what follows it.
template <class Change>
void for_each_sample(const Attributes& attributes, MXTensor& numbers, MXTensor& from, MXTensor& to,
                     const Change& change) {
  const Augment augment(attributes);
  const long samples = from.shape[0];
  const long size = samples == 0 ? 0 : from.size() / samples;
  const long pictures = augment.shape.values();
  const float* const all_numbers = numbers.data<float>();
  const float* const source = from.data<float>();
  float* const target = to.data<float>();
  gluongan::parallel(samples, [&](long sample) {
    const float* const x = source + sample * size;
    float* const y = target + sample * size;
    change(augment, all_numbers + sample * augment.numbers(), x, y);
    std::copy(x + pictures, x + size, y + pictures);
  });
}

// in: x, numbers.
MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  for_each_sample(attributes, (*in)[1], (*in)[0], (*out)[0], change);
  return MX_SUCCESS;
}

// in: ∂y, x, numbers, y. out: ∂x, the gradient of the numbers.
MXReturnValue backward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  for_each_sample(attributes, (*in)[2], (*in)[0], (*out)[0], change_back);
  float* const of_numbers = (*out)[1].data<float>();
  std::fill(of_numbers, of_numbers + (*out)[1].size(), 0.0f);
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  const Augment augment(attributes);
  if (augment.shape.values() <= 0 || augment.numbers() == 0) {
    MX_ERROR_MSG << "gluongan_augment: must have the shape of a picture, and something to change";
    return MX_FAIL;
  }
  *inputs = 2;
  *outputs = 1;
  return MX_SUCCESS;
}

MXReturnValue types(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  return gluongan::require_float32("gluongan_augment", inputs, outputs);
}

MXReturnValue shapes(const Attributes& attributes, std::vector<std::vector<unsigned>>* inputs,
                     std::vector<std::vector<unsigned>>* outputs) {
  const Augment augment(attributes);
  const std::vector<unsigned>& x = (*inputs)[0];
  long values = 1;
  for (size_t axis = 1; axis < x.size(); ++axis) values *= x[axis];
  if (!gluongan::is_known(x) || values < augment.shape.values()) {
    MX_ERROR_MSG << "gluongan_augment: the shape of the samples must be known, and hold a picture";
    return MX_FAIL;
  }
  const std::vector<unsigned> numbers{x[0], static_cast<unsigned>(augment.numbers())};
  if (gluongan::is_known((*inputs)[1]) && (*inputs)[1] != numbers) {
    MX_ERROR_MSG << "gluongan_augment: must have " << numbers[1] << " numbers for each of " << x[0] << " samples";
    return MX_FAIL;
  }
  (*inputs)[1] = numbers;
  (*outputs)[0] = x;
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(gluongan_augment)
    .setForward(forward, "cpu")
    .setBackward(backward, "cpu")
    .setParseAttrs(parse)
    .setInferType(types)
    .setInferShape(shapes);
