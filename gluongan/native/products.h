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
struct Finish {
  const float* bias = nullptr;  // null: no bias
  Activation activation = Activation::kLeaky;
  float slope = 1.0f;
  bool shares_bias = false;  // bias[0] is that of every column
};

// c (rows × columns, its rows one after the other) ← finish(a · b), for a (rows × inner) and b (inner × columns).
// Every number is the sum of its terms in their order, each added by one fused multiply-add.
void multiply(Matrix a, Matrix b, float* c, long rows, long columns, long inner, Finish finish = {});

}  // namespace gluongan

#endif  // GLUONGAN_PRODUCTS_H_
