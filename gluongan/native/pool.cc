#include "pool.h"

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace gluongan {
namespace {

using Clock = std::chrono::steady_clock;
using Run = void (*)(void* context);
using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr int kMostThreads = 1024;
constexpr Clock::time_point kForever = Clock::time_point::max();

// How long an idle thread looks for work before it sleeps, in looks of some 50 ns: longer than what lies between two
// operators, and short enough to leave the core to others when training has ended. And the same for a caller who
// waits until others have finished.
constexpr int kLooksForWork = 20000, kLooksForEnd = 10000;

// On a busy machine the caller works alone: where in a window more than kMostLost was lost by threads that the operating
// system had taken off their cores, for longer than kGap each time. The caller is alone for kShortest, and twice as
// long each time that this is seen again before kGoodWindows have passed.
constexpr microseconds kGap{200}, kWindow{20000}, kMostLost{2500}, kShortest{100000}, kLongest{1600000};
constexpr int kGoodWindows = 5;

// After so long in one part of a job that the caller does alone, the others help: it may be waiting for them.
constexpr microseconds kNap{1000}, kStuck{20000};

thread_local Part part{0, 1};
thread_local std::vector<Part> outer;  // of the jobs around this one, in this thread

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// A condition to wait for: first by looking, then asleep.
class Signal {
 public:
  // Waits at most until `limit`. Returns whether the condition holds.
  template <class Condition>
  bool wait(int looks, Clock::time_point limit, const Condition& holds) {
    for (int look = 0; look < looks; ++look) {
      if (holds()) return true;
      pause();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    ++asleep_;
    bool held = true;
    if (limit == kForever) {
      // By the hour: a wait without a limit is in libstdc++ under a version that only new systems have.
      while (!changed_.wait_for(lock, std::chrono::hours(1), holds)) {
      }
    } else {
      held = changed_.wait_until(lock, limit, holds);
    }
    --asleep_;
    return held;
  }

  // To be called after a change of what the condition depends on.
  void notify() {
    if (asleep_ == 0) return;
    { std::lock_guard<std::mutex> lock(mutex_); }
    changed_.notify_all();
  }

 private:
  std::atomic<int> asleep_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

// A time of work of one thread.
class Stint {
 public:
  // How long the thread was without a core in it.
  microseconds lost() const {
    const auto lasted = duration_cast<microseconds>(Clock::now() - begin_);
    if (lasted < kGap) return microseconds(0);
    const microseconds lost = lasted - (time_on_core() - on_core_);
    return lost < kGap ? microseconds(0) : lost;
  }

 private:
  static microseconds time_on_core() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return microseconds(time.tv_sec * 1000000L + time.tv_nsec / 1000);
  }

  Clock::time_point begin_ = Clock::now();
  microseconds on_core_ = time_on_core();
};

// Functions of which a part has been seen to wait for another one. It never forgets one.
class Sociable {
 public:
  bool has(Run run) const {
    for (const auto& known : runs_) {
      if (known == run) return true;
      if (known == nullptr) return false;
    }
    return true;  // no place is left: take every other one for one of them
  }

  void add(Run run) {
    if (has(run)) return;
    for (auto& place : runs_) {
      Run none = nullptr;
      if (place.compare_exchange_strong(none, run)) return;
    }
  }

 private:
  std::atomic<Run> runs_[64] = {};
};

struct alignas(64) Flag {
  std::atomic<bool> begun{true};
};

class Pool {
 public:
  int threads() const { return threads_; }

  void set_threads(int threads) {
    threads_ = std::clamp(threads, 1, kMostThreads);
    std::lock_guard<std::mutex> lock(turn_);
    start(threads_ - 1);
  }

  void begin(int parts, const Job& job) {
    turn_.lock();  // one job at a time
    start(parts - 1);
    job_ = job;
    key_ = job.key;
    parts_ = parts;
    arrived_ = 0;
    unfinished_ = parts - 1;
    finishing_ = false;
    for (int index = 1; index < parts; ++index) flags_[index].begun = false;
    ++jobs_;
    if (!alone_ || sociable_.has(job.key)) call();
    own_ = Stint();
  }

  void finish() {
    finishing_ = true;
    for (int index = 1; index < parts_; ++index) run_if_new(index);
    lost_ += own_.lost().count();
    end_.wait(kLooksForEnd, kForever, [this] { return unfinished_ == 0; });
    judge(Clock::now());
    turn_.unlock();
  }

  void wait_for_parts() {
    const long round = rounds_;
    if (++arrived_ == parts_) {
      arrived_ = 0;
      ++rounds_;
      barrier_.notify();
    } else {
      barrier_.wait(kLooksForEnd, kForever, [&] { return rounds_ != round; });
    }
  }

 private:
  void start(int helpers) {
    while (started_ < helpers) std::thread(&Pool::help, this, ++started_).detach();
  }

  void call() {
    ++calls_;
    work_.notify();
  }

  // The helper `number` runs the parts with its own number, whose data its core has at hand.
  void help(int number) {
    for (long answered = 0;;) {
      const bool watches = alone_ && number == 1;
      const auto limit = watches ? Clock::now() + kNap : kForever;
      if (!work_.wait(alone_ ? 0 : kLooksForWork, limit, [&] { return calls_ != answered; })) {
        watch();
        continue;
      }
      answered = calls_;
      const Stint stint;
      run_if_new(number);
      lost_ += stint.lost().count();
    }
  }

  // The fields of a job may be read only by who runs one of its parts: until it ends, they stay.
  void run_if_new(int index) {
    if (flags_[index].begun || flags_[index].begun.exchange(true)) return;
    part = {index, parts_};
    job_.run(job_.context);
    part = {0, 1};
    if (--unfinished_ == 0) end_.notify();
  }

  // Calls the helpers where a caller who works alone does not get on.
  void watch() {
    const auto now = Clock::now();
    if (jobs_ != watched_ || finishing_) {
      watched_ = jobs_;
      watched_since_ = now;
    } else if (now - watched_since_ > kStuck) {
      sociable_.add(key_);
      call();
    }
  }

  // Decides at the end of each window whether the caller works alone in the next one.
  void judge(Clock::time_point now) {
    if (now < judged_ + window_) return;
    const microseconds lost(lost_.exchange(0));
    if (!alone_ && lost > kMostLost * ((now - judged_) / kWindow)) {
      alone_ = true;
      window_ = next_alone_;
      next_alone_ = std::min(2 * next_alone_, kLongest);
      good_windows_ = 0;
      call();  // so that one of them watches
    } else {
      if (!alone_ && ++good_windows_ == kGoodWindows) next_alone_ = kShortest;
      alone_ = false;
      window_ = kWindow;
    }
    judged_ = now;
  }

  std::atomic<int> threads_{1};
  int started_ = 0;  // helpers
  std::mutex turn_;  // held by the thread whose job this is

  Job job_{};
  std::atomic<Run> key_{nullptr};  // of the job, for who runs no part of it
  int parts_ = 1;
  Flag flags_[kMostThreads];
  std::atomic<bool> finishing_{false};
  alignas(64) std::atomic<long> jobs_{0}, calls_{0};
  alignas(64) std::atomic<int> unfinished_{0};
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<long> rounds_{0};
  Signal work_, end_, barrier_;

  Stint own_;
  std::atomic<long> lost_{0};  // microseconds in this window
  Clock::time_point judged_;   // when the window began
  microseconds window_ = kWindow, next_alone_ = kShortest;
  int good_windows_ = 0;
  std::atomic<bool> alone_{false};

  Sociable sociable_;
  long watched_ = 0;
  Clock::time_point watched_since_;
};

Pool* the_pool = nullptr;

Pool& pool() {
  // Never destroyed: its threads outlive main. A forked child has none of them, and gets a pool of its own.
  static const bool begun = [] {
    the_pool = new Pool;
    pthread_atfork(nullptr, nullptr, [] {
      const int threads = the_pool->threads();
      the_pool = new Pool;
      the_pool->set_threads(threads);
    });
    return true;
  }();
  static_cast<void>(begun);
  return *the_pool;
}

}  // namespace

int thread_count() { return pool().threads(); }
Part current_part() { return part; }

void begin_job(int parts, const Job& job) {
  const bool is_inside = part.count > 1;
  outer.push_back(part);
  part = {0, is_inside ? 1 : std::clamp(parts, 1, kMostThreads)};
  if (part.count > 1) pool().begin(part.count, job);
}

void finish_job() {
  if (part.count > 1) pool().finish();
  part = outer.back();
  outer.pop_back();
}

void wait_for_parts() {
  if (part.count > 1) pool().wait_for_parts();
}

}  // namespace gluongan

extern "C" void gluongan_set_threads(int threads) { gluongan::pool().set_threads(threads); }
