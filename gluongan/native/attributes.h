// What a graph says of an operator.

#ifndef GLUONGAN_ATTRIBUTES_H_
#define GLUONGAN_ATTRIBUTES_H_

#include <string>
#include <unordered_map>

namespace gluongan {

using Attributes = std::unordered_map<std::string, std::string>;

// Graphs leave out an attribute that has its default: MXNet copies them all each time that it runs the operator.
inline std::string text_of(const Attributes& attributes, const char* name, const char* otherwise) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? otherwise : found->second;
}

inline float number_of(const Attributes& attributes, const char* name, float otherwise) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? otherwise : std::stof(found->second);
}

inline bool is_true(const Attributes& attributes, const char* name, bool otherwise) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? otherwise : found->second == "1";
}

}  // namespace gluongan

#endif  // GLUONGAN_ATTRIBUTES_H_
