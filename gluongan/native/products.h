// Matrix products in float32 whose bits depend neither on the number of threads nor on the vectors' width.

#ifndef GLUONGAN_PRODUCTS_H_
#define GLUONGAN_PRODUCTS_H_

namespace gluongan {

// Element (i, j) is data[i * row_step + j * column_step]; one of the steps is 1.
struct Matrix {
  const float* data;
  long row_step, column_step;
};

enum class Activation { kLeaky, kSigmoid, kTanh };

// What becomes of each number v of a product, in column j: f(v + bias[j]). With kLeaky, f(v) = v above 0, else slope · v.
// With `outputs`, as many numbers as the product has, it is f'(…) · v, where f gave the output at its place: the gradient
// goes back through f.
struct Finish {
  const float* bias = nullptr;  // null: no bias
  Activation activation = Activation::kLeaky;
  float slope = 1.0f;
  const float* outputs = nullptr;
  bool shares_bias = false;  // bias[0] is that of every column
};

// c (rows × columns, its rows one after the other) ← finish(a · b), for a (rows × inner) and b (inner × columns).
// sums (rows) ← the sums of the rows of a, unless it is null.
// With `rest`, the rows of b from number `split` on lie there, one after the other as the first ones do.
// Every number is the sum of its terms in their order, those of c each added by one fused multiply-add.
struct Multiplication {
  Matrix a, b;
  float* c;
  long rows, columns, inner;
  Finish finish = {};
  float* sums = nullptr;
  const float* rest = nullptr;
  long split = 0;
};

void multiply(const Multiplication& multiplication);

// Both, at the same time where that is faster.
void multiply_both(const Multiplication& one, const Multiplication& other);

}  // namespace gluongan

#endif  // GLUONGAN_PRODUCTS_H_
