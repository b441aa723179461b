// What MXNet asks an operator before it runs: types and shapes.

#ifndef GLUONGAN_INFERENCE_H_
#define GLUONGAN_INFERENCE_H_

#include "mxnet/lib_api.h"

#include <algorithm>
#include <vector>

namespace gluongan {

// MXNet says -1 for a type that it does not know yet.
inline mxnet::ext::MXReturnValue require_float32(const char* name, std::vector<int>* inputs, std::vector<int>* outputs) {
  for (int& type : *inputs) {
    if (type == -1) type = mxnet::ext::kFloat32;
    if (type != mxnet::ext::kFloat32) {
      MX_ERROR_MSG << name << ": its inputs must be float32";
      return mxnet::ext::MX_FAIL;
    }
  }
  std::fill(outputs->begin(), outputs->end(), mxnet::ext::kFloat32);
  return mxnet::ext::MX_SUCCESS;
}

// MXNet says 0 or -1 for the length of an axis that it does not know yet.
inline bool is_known(const std::vector<unsigned>& shape) {
  const auto is_missing = [](unsigned size) { return size == 0 || size == ~0u; };
  return !shape.empty() && std::none_of(shape.begin(), shape.end(), is_missing);
}

}  // namespace gluongan

#endif  // GLUONGAN_INFERENCE_H_
