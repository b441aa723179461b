// Several operators of this library as one: each reads the first output of the one before. For a batch of 128 MXNet takes
// a twentieth of an iteration to begin its operators.
//
// `links` has a line for each: its name, then its attributes, each behind a tab, as in "gluongan_dense\tunits=2\tbias=0".
// The inputs are those of the first operator, then those of each other one without its first. The outputs are those of the
// last one. What is between two operators is kept from the forward to the backward pass.

#include "mxnet/lib_api.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "attributes.h"
#include "inference.h"

using namespace mxnet::ext;

namespace {

using gluongan::Attributes;
using Tensors = std::vector<MXTensor>;
using Shape = std::vector<unsigned>;

constexpr long kLine = 64 / sizeof(float);  // each array begins a line of the cache
constexpr size_t kMostFree = 16;

struct Link {
  CustomOp* op;
  Attributes attributes;
  bool is_first;
  int inputs = 0, outputs = 0;

  // How many of its inputs are the chain's.
  int own_inputs() const { return is_first ? inputs : inputs - 1; }
};

CustomOp* find_operator(const std::string& name) {
  Registry<CustomOp>& registry = *Registry<CustomOp>::get();
  for (int i = 0; i < registry.size(); ++i)
    if (name == registry.get(i).name) return &registry.get(i);
  throw std::invalid_argument("no operator: " + name);
}

Link read_link(const std::string& line, bool is_first) {
  std::istringstream words(line);
  std::string word;
  std::getline(words, word, '\t');
  Link link{find_operator(word), {}, is_first};
  while (std::getline(words, word, '\t')) {
    const size_t end = std::min(word.find('='), word.size());
    link.attributes[word.substr(0, end)] = word.substr(std::min(end + 1, word.size()));
  }
  if (!link.op->parse_attrs(link.attributes, &link.inputs, &link.outputs)) throw std::invalid_argument(line);
  link.op->mapToVector();
  return link;
}

using Links = std::vector<Link>;

// A text is read once. Raises std::invalid_argument where it describes no chain.
std::shared_ptr<const Links> links_of(const Attributes& attributes) {
  static std::mutex mutex;
  static std::unordered_map<std::string, std::shared_ptr<const Links>> known;
  const std::string& text = attributes.at("links");
  const std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<const Links>& links = known[text];
  if (links) return links;
  auto made = std::make_shared<Links>();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) made->push_back(read_link(line, made->empty()));
  if (made->empty()) throw std::invalid_argument("no operators");
  links = made;
  return links;
}

long size_of(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), 1L, std::multiplies<long>());
}

MXTensor tensor_of(const Shape& shape) {
  return MXTensor(nullptr, {shape.begin(), shape.end()}, kFloat32, 0, MXContext::CPU(0));
}

// Infers the shapes of the outputs of every link but the last, which are `between`, and those of the chain.
MXReturnValue infer(const Links& links, std::vector<Shape>* inputs, std::vector<Shape>* outputs,
                    std::vector<std::vector<Shape>>* between) {
  auto next = inputs->begin();
  std::vector<Shape> made;
  for (const Link& link : links) {
    std::vector<Shape> shapes(made.begin(), made.begin() + (link.is_first ? 0 : 1));
    shapes.insert(shapes.end(), next, next + link.own_inputs());
    if (!link.is_first) between->push_back(made);
    made.assign(link.outputs, {});
    if (!link.op->infer_shape(link.attributes, &shapes, &made)) return MX_FAIL;
    next = std::copy(shapes.end() - link.own_inputs(), shapes.end(), next);
  }
  *outputs = made;
  return MX_SUCCESS;
}

// A chain, and the arrays between its links.
class Chain {
 public:
  explicit Chain(std::shared_ptr<const Links> links) : shared_(links), links_(*links) {}

  bool is_of(const std::shared_ptr<const Links>& links) const { return shared_ == links; }

  MXReturnValue forward(Tensors* in, Tensors* out, const OpResource& resource) {
    if (!fits(*in) && !make_room(*in)) return MX_FAIL;
    auto next = in->begin();
    for (size_t i = 0; i < links_.size(); ++i) {
      Tensors inputs = inputs_of(i, &next);
      Tensors* outputs = i + 1 == links_.size() ? out : &between_[i];
      if (!links_[i].op->forward_fp[0](links_[i].attributes, &inputs, outputs, resource)) return MX_FAIL;
    }
    return MX_SUCCESS;
  }

  // in: the gradient of each output, each input, each output. out: the gradient of each input.
  MXReturnValue backward(Tensors* in, Tensors* out, const OpResource& resource) {
    const size_t outputs = links_.back().outputs;
    Tensors gradients(in->begin(), in->begin() + outputs);
    Tensors made(in->end() - outputs, in->end());
    auto last_input = in->end() - outputs;
    auto last_gradient = out->end();
    for (size_t i = links_.size(); i-- > 0;) {
      const Link& link = links_[i];
      last_input -= link.own_inputs();
      last_gradient -= link.own_inputs();
      auto next = last_input;
      Tensors given = gradients;
      const Tensors inputs = inputs_of(i, &next);
      given.insert(given.end(), inputs.begin(), inputs.end());
      given.insert(given.end(), made.begin(), made.end());
      Tensors wanted(last_gradient, last_gradient + link.own_inputs());
      if (i > 0) wanted.insert(wanted.begin(), gradients_[i - 1].front());
      if (!link.op->backward_fp[0](link.attributes, &given, &wanted, resource)) return MX_FAIL;
      if (i == 0) break;
      gradients = gradients_[i - 1];
      made = between_[i - 1];
    }
    return MX_SUCCESS;
  }

 private:
  Tensors inputs_of(size_t i, Tensors::iterator* next) const {
    Tensors inputs;
    if (i > 0) inputs.push_back(between_[i - 1].front());
    inputs.insert(inputs.end(), *next, *next + links_[i].own_inputs());
    *next += links_[i].own_inputs();
    return inputs;
  }

  bool fits(const Tensors& in) const {
    const auto is_same = [](const MXTensor& tensor, const auto& shape) { return tensor.shape == shape; };
    return std::equal(in.begin(), in.end(), shapes_.begin(), shapes_.end(), is_same);
  }

  MXReturnValue make_room(const Tensors& in) {
    shapes_.clear();
    std::vector<Shape> inputs, outputs;
    for (const MXTensor& tensor : in) {
      shapes_.push_back(tensor.shape);
      inputs.emplace_back(tensor.shape.begin(), tensor.shape.end());
    }
    std::vector<std::vector<Shape>> between;
    if (!infer(links_, &inputs, &outputs, &between)) return MX_FAIL;
    between_.clear();
    for (const std::vector<Shape>& shapes : between) {
      between_.emplace_back();
      for (const Shape& shape : shapes) between_.back().push_back(tensor_of(shape));
    }
    gradients_ = between_;
    place();
    return MX_SUCCESS;
  }

  // Gradients of neighbours take turns in two places.
  void place() {
    long total = 0, largest = 0;
    const auto lines = [](const MXTensor& tensor) { return (size_of(tensor.shape) + kLine - 1) / kLine * kLine; };
    for (const Tensors& tensors : between_) {
      for (const MXTensor& tensor : tensors) total += lines(tensor);
      largest = std::max(largest, lines(tensors.front()));
    }
    buffer_.resize(total + 2 * largest + kLine);
    const auto address = reinterpret_cast<std::uintptr_t>(buffer_.data());
    float* next = buffer_.data() + (64 - address % 64) % 64 / sizeof(float);
    for (size_t i = 0; i < gradients_.size(); ++i)  // an operator reads the gradient of its first output alone
      for (MXTensor& tensor : gradients_[i]) tensor.data_ptr = next + i % 2 * largest;
    next += 2 * largest;
    for (Tensors& tensors : between_) {
      for (MXTensor& tensor : tensors) {
        tensor.data_ptr = next;
        next += lines(tensor);
      }
    }
  }

  std::shared_ptr<const Links> shared_;
  const Links& links_;
  std::vector<std::vector<int64_t>> shapes_;  // of the inputs
  std::vector<Tensors> between_, gradients_;  // the outputs of each link but the last, and their gradients
  std::vector<float> buffer_;
};

// Chains that nobody uses, the last one at the end.
std::mutex free_mutex;
std::vector<std::unique_ptr<Chain>> free_chains;

std::unique_ptr<Chain> take_chain(const Attributes& attributes) {
  const std::shared_ptr<const Links> links = links_of(attributes);
  const std::lock_guard<std::mutex> lock(free_mutex);
  const auto is_equal = [&](const std::unique_ptr<Chain>& chain) { return chain->is_of(links); };
  const auto found = std::find_if(free_chains.rbegin(), free_chains.rend(), is_equal);
  if (found == free_chains.rend()) return std::make_unique<Chain>(links);
  std::unique_ptr<Chain> chain = std::move(*found);
  free_chains.erase(std::next(found).base());
  return chain;
}

void return_chain(std::unique_ptr<Chain> chain) {
  const std::lock_guard<std::mutex> lock(free_mutex);
  free_chains.push_back(std::move(chain));
  if (free_chains.size() > kMostFree) free_chains.erase(free_chains.begin());
}

// From one forward pass to its backward pass: MXNet makes a state for each forward pass, even in a static graph. To
// allocate the arrays each time takes longer than a chain saves.
class State : public CustomStatefulOp {
 public:
  explicit State(const Attributes* attributes) : chain_(take_chain(*attributes)) {}
  ~State() override { return_chain(std::move(chain_)); }

  MXReturnValue Forward(Tensors* in, Tensors* out, const OpResource& resource) override {
    return chain_->forward(in, out, resource);
  }

  MXReturnValue Backward(Tensors* in, Tensors* out, const OpResource& resource) override {
    return chain_->backward(in, out, resource);
  }

 private:
  std::unique_ptr<Chain> chain_;
};

MXReturnValue create(const Attributes& attributes, const MXContext&, const std::vector<Shape>&, const std::vector<int>,
                     CustomStatefulOp** state) {
  *state = CustomStatefulOp::create<State>(&attributes);
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  try {
    const std::shared_ptr<const Links> links = links_of(attributes);
    *inputs = 0;
    for (const Link& link : *links) *inputs += link.own_inputs();
    *outputs = links->back().outputs;
  } catch (const std::exception& error) {
    MX_ERROR_MSG << "gluongan_chain: " << error.what();
    return MX_FAIL;
  }
  return MX_SUCCESS;
}

MXReturnValue mutated(const Attributes& attributes, std::vector<int>* indices) {
  int first = 0;
  const std::shared_ptr<const Links> links = links_of(attributes);
  for (const Link& link : *links) {
    std::vector<int> own;
    if (link.op->mutate_inputs && !link.op->mutate_inputs(link.attributes, &own)) return MX_FAIL;
    for (const int index : own) indices->push_back(first + index - (link.is_first ? 0 : 1));
    first += link.own_inputs();
  }
  return MX_SUCCESS;
}

MXReturnValue types(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  return gluongan::require_float32("gluongan_chain", inputs, outputs);
}

MXReturnValue shapes(const Attributes& attributes, std::vector<Shape>* inputs, std::vector<Shape>* outputs) {
  std::vector<std::vector<Shape>> between;
  return infer(*links_of(attributes), inputs, outputs, &between);
}

}  // namespace

REGISTER_OP(gluongan_chain)
    .setParseAttrs(parse)
    .setInferType(types)
    .setInferShape(shapes)
    .setMutateInputs(mutated)
    .setCreateOpState(create, "cpu");
