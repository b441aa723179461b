// What this library would otherwise take from newer systems than MXNet's own wheel needs. Each is a copy that this
// library alone sees, so that one built on a new system also loads on an old one: `.ci/run wheel` says how old.

#include <pthread.h>
#include <time.h>

#include <new>

#define OURS __attribute__((visibility("hidden")))

// glibc 2.32: whether counters of references may be counted without atomic operations. Never here.
extern "C" {
OURS char __libc_single_threaded = 0;
}

// glibc 2.30: as pthread_cond_timedwait, by another clock than that of the condition.
extern "C" OURS int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                           const struct timespec* limit) {
  constexpr long kSecond = 1000000000;
  timespec now, until;
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += limit->tv_sec - now.tv_sec;
  until.tv_nsec += limit->tv_nsec - now.tv_nsec;
  if (until.tv_nsec < 0) until.tv_nsec += kSecond, --until.tv_sec;
  if (until.tv_nsec >= kSecond) until.tv_nsec -= kSecond, ++until.tv_sec;
  return pthread_cond_timedwait(condition, mutex, &until);
}

// libstdc++ of GCC 11: what `new` of too large an array throws.
namespace std {
OURS void __throw_bad_array_new_length() { throw bad_array_new_length(); }
}  // namespace std
