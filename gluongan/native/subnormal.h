// Numbers below 1.2e-38, the subnormal ones, count as 0. Processors take up to a hundred times as long for them, and a
// discriminator that is sure of itself gives such gradients.

#ifndef GLUONGAN_SUBNORMAL_H_
#define GLUONGAN_SUBNORMAL_H_

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace gluongan {

// As long as it lives, the thread that made it takes subnormal numbers for 0, and makes none.
class NoSubnormals {
 public:
  NoSubnormals() : before_(state()) { set_state(before_ | kFlush); }
  ~NoSubnormals() { set_state(before_); }
  NoSubnormals(const NoSubnormals&) = delete;
  NoSubnormals& operator=(const NoSubnormals&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr std::uint64_t kFlush = 0x8040;  // FTZ, DAZ
  static std::uint64_t state() { return _mm_getcsr(); }
  static void set_state(std::uint64_t value) { _mm_setcsr(static_cast<unsigned>(value)); }
#elif defined(__aarch64__)
  static constexpr std::uint64_t kFlush = 1 << 24;  // FZ
  static std::uint64_t state() {
    std::uint64_t value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set_state(std::uint64_t value) { asm volatile("msr fpcr, %0" : : "r"(value) : "memory"); }
#else
  static constexpr std::uint64_t kFlush = 0;
  static std::uint64_t state() { return 0; }
  static void set_state(std::uint64_t) {}
#endif

  std::uint64_t before_;
};

}  // namespace gluongan

#endif  // GLUONGAN_SUBNORMAL_H_
