// A formula of a few numbers, such as a loss of logits, as one operator. For a batch of logits MXNet takes longer to
// begin each operator of a loss than to compute it.
//
// `program` lists instructions, a semicolon behind each. Its first values are the operator's `inputs`, counted from 0;
// every instruction but `output` makes the next one:
//   scale a c      c · a              plus a c      a + c             minus a c      a - c            from a c   c - a
//   square a       a²                 relu a        max(a, 0)         softplus a     log(1 + eᵃ)
//   add a b        a + b              subtract a b  a - b             one of both may be one number for all of the other
//   mean a         (1)                part a i      the i-th half     column a i     a[:, i:i+1]      flat a     (…) → (N)
//   constant a     a without a gradient             output a          a is the next output
// All numbers are float32; a mean is added up in float64. Backward, the values are computed again.

#include "mxnet/lib_api.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "attributes.h"
#include "curves.h"
#include "inference.h"
#include "subnormal.h"

using namespace mxnet::ext;

namespace {

using gluongan::Attributes;
using Tensors = std::vector<MXTensor>;
using Shape = std::vector<unsigned>;

enum Kind {
  kScale, kPlus, kMinus, kFrom, kSquare, kRelu, kSoftplus, kAdd, kSubtract, kMean, kPart, kColumn, kFlat, kConstant
};

const std::unordered_map<std::string, Kind> kKinds = {
    {"scale", kScale}, {"plus", kPlus},         {"minus", kMinus}, {"from", kFrom}, {"square", kSquare},
    {"relu", kRelu},   {"softplus", kSoftplus}, {"add", kAdd},     {"subtract", kSubtract},
    {"mean", kMean},   {"part", kPart},         {"column", kColumn}, {"flat", kFlat}, {"constant", kConstant},
};

struct Instruction {
  Kind kind;
  int a, b;      // values; b is the i of `part` and `column`
  float number;  // c
};

struct Program {
  int inputs = 0;
  std::vector<Instruction> instructions;  // the first one makes value number `inputs`
  std::vector<int> outputs;               // values

  // Raises std::invalid_argument where the text is no program.
  explicit Program(const Attributes& attributes) : inputs(std::stoi(attributes.at("inputs"))) {
    std::istringstream lines(attributes.at("program"));
    for (std::string line; std::getline(lines, line, ';');) read(line);
    if (outputs.empty()) throw std::invalid_argument("no output");
  }

 private:
  void read(const std::string& line) {
    std::istringstream words(line);
    std::string name;
    int a = -1;
    words >> name >> a;
    if (!words || !is_value(a)) throw std::invalid_argument(line);
    if (name == "output") return outputs.push_back(a);
    if (kKinds.count(name) == 0) throw std::invalid_argument(line);
    Instruction instruction{kKinds.at(name), a, 0, 0.0f};
    if (instruction.kind <= kFrom) instruction.number = number_in(words);
    const bool is_of_two = instruction.kind == kAdd || instruction.kind == kSubtract;
    if (is_of_two || instruction.kind == kPart || instruction.kind == kColumn) words >> instruction.b;
    if (!words || (is_of_two && !is_value(instruction.b)) || instruction.b < 0) throw std::invalid_argument(line);
    instructions.push_back(instruction);
  }

  // Also `nan` and `inf`, which streams do not read.
  static float number_in(std::istringstream& words) {
    std::string word;
    words >> word;
    char* end = nullptr;
    const float number = std::strtof(word.c_str(), &end);
    if (word.empty() || *end != '\0') throw std::invalid_argument("no number: " + word);
    return number;
  }

  bool is_value(int a) const { return a >= 0 && a < inputs + static_cast<int>(instructions.size()); }
};

// A program is read once.
const Program& program_of(const Attributes& attributes) {
  static thread_local std::unordered_map<std::string, Program> programs;
  const std::string& text = attributes.at("program");
  const auto found = programs.find(text);
  return found != programs.end() ? found->second : programs.emplace(text, Program(attributes)).first->second;
}

long size_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), 1L, std::multiplies<long>());
}

// The shape of what an instruction makes of values with these shapes; empty where it cannot be made.
Shape shape_of(const Instruction& instruction, const std::vector<Shape>& values) {
  Shape a = values[instruction.a];
  const auto i = static_cast<unsigned>(instruction.b);
  switch (instruction.kind) {
    case kPart:
      if (a[0] % 2 || i > 1) return {};
      a[0] /= 2;
      return a;
    case kColumn:
      if (a.size() < 2 || i >= a[1]) return {};
      a[1] = 1;
      return a;
    case kFlat:
      return {static_cast<unsigned>(size_of(a))};
    case kMean:
      return {1};
    case kAdd:
    case kSubtract:
      if (values[i] == a || size_of(values[i]) == 1) return a;
      return size_of(a) == 1 ? values[i] : Shape{};
    default:
      return a;
  }
}

// One after the other, the shapes of all values. Raises std::invalid_argument where one cannot be made.
std::vector<Shape> shapes_of(const Program& program, const std::vector<Shape>& inputs) {
  std::vector<Shape> shapes = inputs;
  for (const Instruction& instruction : program.instructions) {
    shapes.push_back(shape_of(instruction, shapes));
    if (shapes.back().empty()) throw std::invalid_argument("shapes that do not fit");
  }
  return shapes;
}

struct Value {
  long size, samples;
  float* numbers;
  float* gradient = nullptr;
};

// With the instructions that `curves.h` was written for. The bits are the same without.
#if defined(__x86_64__)
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif

FOR_EVERY_PROCESSOR
void apply(const Instruction& instruction, const Value& a, const Value& b, const Value& y) {
  const float* const x = a.numbers;
  float* const to = y.numbers;
  const float number = instruction.number;
  const long a_step = a.size == 1 ? 0 : 1, b_step = b.size == 1 ? 0 : 1;
  const long width = y.size / std::max(1L, y.samples), row = a.size / std::max(1L, a.samples);
  switch (instruction.kind) {
    case kScale:
      for (long j = 0; j < y.size; ++j) to[j] = number * x[j];
      return;
    case kPlus:
      for (long j = 0; j < y.size; ++j) to[j] = x[j] + number;
      return;
    case kMinus:
      for (long j = 0; j < y.size; ++j) to[j] = x[j] - number;
      return;
    case kFrom:
      for (long j = 0; j < y.size; ++j) to[j] = number - x[j];
      return;
    case kSquare:
      for (long j = 0; j < y.size; ++j) to[j] = x[j] * x[j];
      return;
    case kRelu:
      for (long j = 0; j < y.size; ++j) to[j] = x[j] > 0 || x[j] != x[j] ? x[j] : 0.0f;
      return;
    case kSoftplus:
      for (long j = 0; j < y.size; ++j) to[j] = gluongan::softplus(x[j]);
      return;
    case kAdd:
      for (long j = 0; j < y.size; ++j) to[j] = x[j * a_step] + b.numbers[j * b_step];
      return;
    case kSubtract:
      for (long j = 0; j < y.size; ++j) to[j] = x[j * a_step] - b.numbers[j * b_step];
      return;
    case kMean:
      to[0] = static_cast<float>(std::accumulate(x, x + a.size, 0.0) / static_cast<double>(a.size));
      return;
    case kColumn:
      for (long n = 0; n < y.samples; ++n)
        std::memcpy(to + n * width, x + n * row + instruction.b * width, width * sizeof(float));
      return;
    case kPart:
      std::memcpy(to, x + instruction.b * y.size, y.size * sizeof(float));
      return;
    case kFlat:
    case kConstant:
      std::memcpy(to, x, y.size * sizeof(float));
  }
}

// Adds to the gradients of a and b what that of y gives them.
FOR_EVERY_PROCESSOR
void differentiate(const Instruction& instruction, const Value& a, const Value& b, const Value& y) {
  const float* const x = a.numbers;
  const float* const e = y.gradient;
  float* const to = a.gradient;
  const float number = instruction.number;
  const long a_step = a.size == 1 ? 0 : 1, b_step = b.size == 1 ? 0 : 1;
  const long width = y.size / std::max(1L, y.samples), row = a.size / std::max(1L, a.samples);
  switch (instruction.kind) {
    case kScale:
      for (long j = 0; j < y.size; ++j) to[j] += number * e[j];
      return;
    case kFrom:
      for (long j = 0; j < y.size; ++j) to[j] -= e[j];
      return;
    case kSquare:
      for (long j = 0; j < y.size; ++j) to[j] += 2.0f * x[j] * e[j];
      return;
    case kRelu:
      for (long j = 0; j < y.size; ++j) to[j] += x[j] > 0 ? e[j] : 0.0f;
      return;
    case kSoftplus:
      for (long j = 0; j < y.size; ++j) to[j] += e[j] * gluongan::sigmoid(x[j]);
      return;
    case kAdd:
      for (long j = 0; j < y.size; ++j) b.gradient[j * b_step] += e[j];
      break;
    case kSubtract:
      for (long j = 0; j < y.size; ++j) b.gradient[j * b_step] -= e[j];
      break;
    case kMean:
      for (long j = 0; j < a.size; ++j) to[j] += e[0] / static_cast<float>(a.size);
      return;
    case kColumn:
      for (long n = 0; n < y.samples; ++n)
        for (long j = 0; j < width; ++j) to[n * row + instruction.b * width + j] += e[n * width + j];
      return;
    case kPart:
      for (long j = 0; j < y.size; ++j) to[instruction.b * y.size + j] += e[j];
      return;
    case kConstant:
      return;
    default:
      break;
  }
  for (long j = 0; j < y.size; ++j) to[j * a_step] += e[j];
}

// All values of a program for these inputs, with room for their gradients, which are 0.
std::vector<Value> computed(const Program& program, Tensors& tensors, size_t first) {
  std::vector<Shape> inputs;
  for (int i = 0; i < program.inputs; ++i)
    inputs.emplace_back(tensors[first + i].shape.begin(), tensors[first + i].shape.end());
  const std::vector<Shape> shapes = shapes_of(program, inputs);
  long total = 0;
  for (const Shape& shape : shapes) total += size_of(shape);
  static thread_local std::vector<float> buffer;
  buffer.assign(2 * total, 0.0f);
  std::vector<Value> values;
  float* next = buffer.data();
  for (const Shape& shape : shapes) {
    const long size = size_of(shape);
    values.push_back({size, static_cast<long>(shape[0]), next, next + total});
    next += size;
  }
  for (int i = 0; i < program.inputs; ++i)
    std::memcpy(values[i].numbers, tensors[first + i].data<float>(), values[i].size * sizeof(float));
  const Value* value = values.data() + program.inputs;
  for (const Instruction& instruction : program.instructions)
    apply(instruction, values[instruction.a], values[instruction.b], *value++);
  return values;
}

MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  const gluongan::NoSubnormals no_subnormals;
  const Program& program = program_of(attributes);
  const std::vector<Value> values = computed(program, *in, 0);
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const Value& value = values[program.outputs[i]];
    std::memcpy((*out)[i].data<float>(), value.numbers, value.size * sizeof(float));
  }
  return MX_SUCCESS;
}

// in: the gradient of each output, each input, each output. out: the gradient of each input.
MXReturnValue backward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  const gluongan::NoSubnormals no_subnormals;
  const Program& program = program_of(attributes);
  const std::vector<Value> values = computed(program, *in, program.outputs.size());
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const Value& value = values[program.outputs[i]];
    const float* const gradient = (*in)[i].data<float>();
    for (long j = 0; j < value.size; ++j) value.gradient[j] += gradient[j];
  }
  const Value* value = &values.back();
  for (auto instruction = program.instructions.rbegin(); instruction != program.instructions.rend(); ++instruction)
    differentiate(*instruction, values[instruction->a], values[instruction->b], *value--);
  for (int i = 0; i < program.inputs; ++i)
    std::memcpy((*out)[i].data<float>(), values[i].gradient, values[i].size * sizeof(float));
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  try {
    const Program program(attributes);
    *inputs = program.inputs;
    *outputs = static_cast<int>(program.outputs.size());
  } catch (const std::exception& error) {
    MX_ERROR_MSG << "gluongan_formula: not a program: " << error.what();
    return MX_FAIL;
  }
  return MX_SUCCESS;
}

MXReturnValue types(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  return gluongan::require_float32("gluongan_formula", inputs, outputs);
}

MXReturnValue shapes(const Attributes& attributes, std::vector<Shape>* inputs, std::vector<Shape>* outputs) {
  const auto is_empty = [](const Shape& shape) { return shape.empty() || size_of(shape) == 0; };
  if (std::any_of(inputs->begin(), inputs->end(), is_empty)) {
    MX_ERROR_MSG << "gluongan_formula: the shapes of its inputs must be known";
    return MX_FAIL;
  }
  const Program& program = program_of(attributes);
  try {
    const std::vector<Shape> values = shapes_of(program, *inputs);
    for (size_t i = 0; i < outputs->size(); ++i) (*outputs)[i] = values[program.outputs[i]];
  } catch (const std::invalid_argument& error) {
    MX_ERROR_MSG << "gluongan_formula: " << error.what();
    return MX_FAIL;
  }
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(gluongan_formula)
    .setForward(forward, "cpu")
    .setBackward(backward, "cpu")
    .setParseAttrs(parse)
    .setInferType(types)
    .setInferShape(shapes);
